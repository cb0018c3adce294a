// Pictures: PNG, JPEG and BMP by content, in; PNG, out. Decoding and encoding are stb's, whose
// implementation is linked (-lstb), never compiled here. stb accepts pictures whose end is missing,
// so their structure is checked before.
//   errors  errc::io, "<path>: <what is wrong>"; more than 100 megapixels is refused from the
//           header, before any memory is taken
#pragma once

#include <pfad/io/file.hpp>
#include <pfad/io/picture_view.hpp>

#if __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#else
#include <stb_image.h>
#include <stb_image_write.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
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

inline constexpr std::int64_t largest_picture = 100'000'000; ///< pixels

namespace detail {

enum class picture_format { none, png, jpeg, bmp };

/// What the structure of a picture file says, without decoding it.
struct picture_facts {
    std::int64_t width = 0, height = 0; ///< 0 while the header has not been reached
    bool complete = false;              ///< the end is there
    const char* problem = nullptr;      ///< a structure that no decoder should see
};

[[nodiscard]] inline picture_format format_of(byte_span bytes) {
    const auto begins = [&](std::string_view magic) {
        return bytes.size() >= magic.size() &&
               std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
    };
    if (begins("\x89PNG\r\n\x1a\n"))
        return picture_format::png;
    if (begins("\xff\xd8\xff"))
        return picture_format::jpeg;
    return begins("BM") ? picture_format::bmp : picture_format::none;
}

/// An unsigned number of `count` bytes at `at`; the caller has checked that they are there.
[[nodiscard]] inline std::uint32_t big_endian(byte_span bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value = value << 8 | bytes[at + i];
    return value;
}
[[nodiscard]] inline std::uint32_t
little_endian(byte_span bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = count; i-- > 0;)
        value = value << 8 | bytes[at + i];
    return value;
}

/// PNG: chunks of length, type, data and checksum, from IHDR to IEND. Coded data that is longer
/// than any pixels of this size could be is refused: it would unpack to a thousand times its
/// length.
[[nodiscard]] inline picture_facts png_facts(byte_span bytes) {
    picture_facts facts;
    std::int64_t coded = 0;
    for (std::size_t at = 8; bytes.size() - at >= 12;) {
        const std::size_t length = big_endian(bytes, at, 4);
        const std::uint32_t type = big_endian(bytes, at + 4, 4);
        if (type == 0x49484452 && length == 13 && bytes.size() - at >= 16) {
            facts.width = big_endian(bytes, at + 8, 4);
            facts.height = big_endian(bytes, at + 12, 4);
        }
        if (length > bytes.size() - at - 12)
            break;
        if (type == 0x49454e44) {
            facts.complete = true;
            break;
        }
        if (type == 0x49444154)
            coded += static_cast<std::int64_t>(length);
        at += 12 + length;
    }
    if (facts.width > 0 && facts.height <= largest_picture / facts.width) {
        // Eight bytes a pixel at the most, and room for what an encoder adds.
        const std::int64_t pixels = (8 * facts.width + 2) * facts.height;
        if (coded > pixels + pixels / 8 + 65536)
            facts.problem = "has more data than its pixels can be";
    }
    return facts;
}

/// JPEG: segments of marker and length up to each scan, whose coded bytes run to the next marker
/// that is neither a restart nor a stuffed zero. EOI ends it.
[[nodiscard]] inline picture_facts jpeg_facts(byte_span bytes) {
    picture_facts facts;
    std::size_t at = 2;
    while (bytes.size() - at >= 2) {
        const std::uint8_t marker = bytes[at + 1];
        // Fill bytes and rubbish between segments are skipped one at a time, as decoders do.
        if (bytes[at] != 0xff || marker == 0xff || marker == 0x00 || marker == 0x01 ||
            (marker >= 0xd0 && marker <= 0xd8)) {
            ++at;
            continue;
        }
        if (marker == 0xd9) {
            facts.complete = true;
            break;
        }
        if (bytes.size() - at < 4)
            break;
        const std::size_t length = big_endian(bytes, at + 2, 2);
        const bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        // The first frame counts, as for the decoder.
        if (frame && facts.width == 0 && length >= 8 && bytes.size() - at >= 9) {
            facts.height = big_endian(bytes, at + 5, 2);
            facts.width = big_endian(bytes, at + 7, 2);
        }
        if (length < 2 || length > bytes.size() - at - 2)
            break;
        at += 2 + length;
    }
    return facts;
}

/// BMP: the pixels of an uncompressed one have a known size.
[[nodiscard]] inline picture_facts bmp_facts(byte_span bytes, std::size_t file_size) {
    picture_facts facts;
    if (bytes.size() < 26)
        return facts;
    std::int64_t bits = 0;
    if (little_endian(bytes, 14, 4) == 12) {
        facts.width = little_endian(bytes, 18, 2);
        facts.height = little_endian(bytes, 20, 2);
        bits = little_endian(bytes, 24, 2);
    } else {
        if (bytes.size() < 34)
            return facts;
        facts.width = static_cast<std::int32_t>(little_endian(bytes, 18, 4));
        // Negative: the rows run from top to bottom.
        facts.height = static_cast<std::int32_t>(little_endian(bytes, 22, 4));
        facts.height = facts.height < 0 ? -facts.height : facts.height;
        bits = little_endian(bytes, 28, 2);
        const std::uint32_t packing = little_endian(bytes, 30, 4);
        if (packing != 0 && packing != 3 && packing != 6)
            facts.problem = "is a compressed BMP, which pfad does not read";
    }
    if (facts.width < 0 || bits > 32)
        facts.problem = "has a damaged BMP header";
    if (facts.problem == nullptr && facts.width * facts.height <= largest_picture) {
        const std::int64_t pixels = (facts.width * bits + 31) / 32 * 4 * facts.height;
        facts.complete = little_endian(bytes, 10, 4) + static_cast<std::uint64_t>(pixels) <=
                         static_cast<std::uint64_t>(file_size);
    }
    return facts;
}

/// Throws unless the bytes are a picture of a format and size that pfad reads. `whole` says that
/// they are all of the file, so that the end must be there too.
[[nodiscard]] inline picture_facts
check_picture(const std::string& path, byte_span bytes, bool whole) {
    const picture_format format = format_of(bytes);
    if (format == picture_format::none)
        fail(errc::io, path + ": is not a PNG, JPEG or BMP picture");
    const picture_facts facts = format == picture_format::png    ? png_facts(bytes)
                                : format == picture_format::jpeg ? jpeg_facts(bytes)
                                                                 : bmp_facts(bytes, bytes.size());
    if (facts.problem != nullptr)
        fail(errc::io, path + ": " + facts.problem);
    // Sides first: their product could overflow.
    constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
    if (facts.width > longest || facts.height > longest ||
        facts.width * facts.height > largest_picture)
        fail(errc::io, path + ": is " + std::to_string(facts.width) + "x" +
                           std::to_string(facts.height) + ", more than the " +
                           std::to_string(largest_picture / 1'000'000) +
                           " megapixels that pfad reads");
    if (whole && !facts.complete)
        fail(errc::io, path + ": is truncated");
    if (whole && (facts.width == 0 || facts.height == 0))
        fail(errc::io, path + ": is a picture without pixels");
    return facts;
}

struct stb_free {
    void operator()(void* pixels) const { stbi_image_free(pixels); }
};

[[nodiscard]] inline image_u8
decode_picture(const std::string& path, byte_span bytes, int channels) {
    static_cast<void>(check_picture(path, bytes, true));
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail(errc::io, path + ": is larger than 2 GiB");
    image_u8 image;
    image.channels = channels;
    int in_file = 0;
    const auto damaged = [&] {
        const char* const reason = stbi_failure_reason();
        fail(errc::io, path + ": cannot be decoded: " + (reason ? reason : "damaged"));
    };
    const int length = static_cast<int>(bytes.size());
    const auto count = [&] {
        return static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) *
               static_cast<std::size_t>(channels);
    };
    if (channels == 1 && stbi_is_16_bit_from_memory(bytes.data(), length)) {
        // A mask: the upper byte alone would turn small labels into background.
        const std::unique_ptr<stbi_us, stb_free> wide(stbi_load_16_from_memory(
            bytes.data(), length, &image.width, &image.height, &in_file, channels));
        if (!wide)
            damaged();
        image.pixels.resize(count());
        std::transform(wide.get(), wide.get() + count(), image.pixels.begin(), [](stbi_us value) {
            return static_cast<std::uint8_t>(value == 0 ? 0 : std::max(value >> 8, 1));
        });
        return image;
    }
    const std::unique_ptr<stbi_uc, stb_free> pixels(stbi_load_from_memory(
        bytes.data(), length, &image.width, &image.height, &in_file, channels));
    if (!pixels)
        damaged();
    image.pixels.assign(pixels.get(), pixels.get() + count());
    return image;
}

} // namespace detail

/// Reads a picture as RGB: grey is repeated, transparency dropped, 16 bits reduced to 8.
[[nodiscard]] inline image_u8 read_picture(const std::string& path) {
    return detail::decode_picture(path, read_file(path).bytes(), 3);
}

/// The same of the bytes of a file; `name` is what errors call it.
[[nodiscard]] inline image_u8 decode_picture(byte_span bytes, const std::string& name) {
    return detail::decode_picture(name, bytes, 3);
}

/// Reads a mask as one channel; what is not zero in the file is not zero here.
[[nodiscard]] inline image_u8 read_mask(const std::string& path) {
    return detail::decode_picture(path, read_file(path).bytes(), 1);
}

/// The extent that the header gives; the end of the file is not looked at.
[[nodiscard]] inline picture_extent picture_size(const std::string& path) {
    // Nearly every header is within this; a long colour profile before it takes a second look.
    constexpr std::size_t first_look = 1 << 16;
    file_content file = read_file(path, first_look);
    detail::picture_facts facts = detail::check_picture(path, file.bytes(), false);
    if (facts.width == 0 && file.size == first_look) {
        file = read_file(path);
        facts = detail::check_picture(path, file.bytes(), false);
    }
    if (facts.width == 0 || facts.height == 0)
        fail(errc::io, path + ": is truncated or a picture without pixels");
    return {static_cast<int>(facts.width), static_cast<int>(facts.height)};
}

/// The bytes of a PNG file. Throws errc::value for a view that is not grey or RGB in 8 bits.
[[nodiscard]] inline std::vector<std::uint8_t> encode_png(picture_view picture) {
    expect_pixels(picture, "encode_png");
    expect(picture.plain(), "encode_png", "a picture is grey or RGB in 8 bits");
    expect(static_cast<std::int64_t>(picture.width) * picture.height <= largest_picture &&
               picture.stride <= std::numeric_limits<int>::max(),
           "encode_png", "a picture has at most 100 megapixels, a row at most 2 GiB");
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
