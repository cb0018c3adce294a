// Pictures: PNG, JPEG and BMP by content, in; PNG, out. With PFAD_SYSTEM_CODECS defined, libpng and
// libjpeg decode PNG and JPEG (link -lpng -ljpeg), else stb (-lstb), which writes PNG in either case.
// Files are read upright: EXIF's orientation is applied.
//   errors  errc::io, "<path>: <what is wrong>": what is damaged in any way is never a picture
#pragma once

#include <pfad/io/bmp.hpp>
#include <pfad/io/file.hpp>
#include <pfad/io/picture_file.hpp>
#include <pfad/io/picture_view.hpp>
#include <pfad/io/raster.hpp>
#include <pfad/io/stb.hpp>

#ifdef PFAD_SYSTEM_CODECS
#include <pfad/io/decode_libjpeg.hpp>
#include <pfad/io/decode_libpng.hpp>
#else
#include <pfad/io/decode_stb.hpp>
#endif

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pfad {

/// A dense 8-bit picture, 1 = grey, 3 = RGB.
struct image_u8 {
    /// Pixels; channels are 1 or 3.
    int width = 0, height = 0, channels = 3;
    std::vector<std::uint8_t> pixels; ///< row by row, channels interleaved

    /// The same pixels, not owned.
    [[nodiscard]] picture_view view() const {
        return {pixels.data(), width, height, channels,
                static_cast<std::ptrdiff_t>(width) * channels};
    }
    /// As view().
    operator picture_view() const { return view(); }
};

/// Width and height in pixels.
struct picture_extent {
    /// Pixels.
    int width = 0, height = 0;
    friend bool operator==(const picture_extent&, const picture_extent&) = default;
};

namespace detail {

#ifdef PFAD_SYSTEM_CODECS
namespace decoders = system_decoders;
#else
namespace decoders = stb_decoders;
#endif

[[nodiscard]] inline raster
decode_raster(const std::string& path, byte_span bytes, const picture_facts& facts) {
    switch (facts.format) {
    case picture_format::png:
        return decoders::decode_png(path, bytes, facts);
    case picture_format::jpeg:
        return decoders::decode_jpeg(path, bytes, facts);
    default:
        return decode_bmp(path, bytes);
    }
}

/// An upright picture of what `samples` makes of the raster.
template <class F>
[[nodiscard]] image_u8 upright_image(raster&& r, int channels, int orientation, F&& samples) {
    image_u8 image{r.width, r.height, channels, {}};
    image.pixels = upright(samples(std::move(r)), image.width, image.height, channels, orientation);
    return image;
}

} // namespace detail

/// Reads a picture of a file's bytes as RGB: grey is repeated, transparency dropped, 16 bits reduced to
/// 8. `name` is what errors call it.
[[nodiscard]] inline image_u8
decode_picture(byte_span bytes, const std::string& name, const picture_options& options = {}) {
    const auto facts = detail::check_picture(name, bytes, options);
    return detail::upright_image(
        detail::decode_raster(name, bytes, facts), 3, facts.orientation,
        [&](detail::raster&& r) { return detail::to_rgb(std::move(r), options.bits, name); });
}

/// The same of a file.
[[nodiscard]] inline image_u8 read_picture(const std::string& path,
                                           const picture_options& options = {}) {
    return decode_picture(read_file(path).bytes(), path, options);
}

/// Reads a mask: one channel, 255 where there is a defect, else 0. A defect is what has a colour other
/// than black, an index of a palette other than 0, and is not transparent; of a JPEG, what is at least
/// half as bright as can be. Where only transparency varies, it is what is not transparent.
[[nodiscard]] inline image_u8 read_mask(const std::string& path,
                                        const picture_options& options = {}) {
    const auto file = read_file(path);
    const auto facts = detail::check_picture(path, file.bytes(), options);
    return detail::upright_image(detail::decode_raster(path, file.bytes(), facts), 1,
                                 facts.orientation, [&](const detail::raster& r) {
                                     return detail::to_mask(
                                         r, facts.format == detail::picture_format::jpeg, path);
                                 });
}

/// The extent of an upright picture; the pixels of a file are not decoded.
[[nodiscard]] inline picture_extent picture_size(const std::string& path,
                                                 const picture_options& options = {}) {
    const auto facts = detail::check_picture(path, read_file(path).bytes(), options);
    picture_extent extent{static_cast<int>(facts.width), static_cast<int>(facts.height)};
    if (facts.orientation >= 5)
        std::swap(extent.width, extent.height);
    return extent;
}

/// The bytes of a PNG file. Throws errc::value for a view that is not grey or RGB in 8 bits.
[[nodiscard]] inline std::vector<std::uint8_t> encode_png(picture_view picture) {
    expect_pixels(picture, "encode_png");
    expect(picture.plain(), "encode_png", "a picture is grey or RGB in 8 bits");
    // stb counts the bytes of a picture in an int.
    constexpr int most = std::numeric_limits<int>::max();
    expect(picture.width <= most / 4 / picture.height && picture.stride <= most, "encode_png",
           "a picture has at most 500 megapixels, a row at most 2 GiB");
    std::vector<std::uint8_t> bytes;
    const auto take = [](void* to, void* data, int size) {
        const auto* const from = static_cast<const std::uint8_t*>(data);
        auto* const all = static_cast<std::vector<std::uint8_t>*>(to);
        all->insert(all->end(), from, from + size);
    };
    if (stbi_write_png_to_func(take, &bytes, picture.width, picture.height, picture.channels(),
                               picture.data, static_cast<int>(picture.stride)) == 0)
        fail(errc::io, "encode_png: not enough memory");
    return bytes;
}

/// Writes a PNG file, atomically.
inline void write_png(const std::string& path, picture_view picture) {
    write_atomically(path, encode_png(picture));
}

} // namespace pfad
