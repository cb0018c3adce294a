// Pixels that belong to someone else, in the layouts that cameras and other libraries have.
#pragma once

#include <pfad/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace pfad {

/// The samples of a pixel in their order in memory. Alpha is not looked at.
enum class pixel_format : std::uint8_t { grey, rgb, bgr, rgba, bgra };

/// Samples a pixel: 1, 3 or 4.
[[nodiscard]] constexpr int channel_count(pixel_format format) {
    switch (format) {
    case pixel_format::grey:
        return 1;
    case pixel_format::rgb:
    case pixel_format::bgr:
        return 3;
    default:
        return 4;
    }
}

/// Non-owning: row-major, channels interleaved. The pixels must outlive the view and are only read.
struct picture_view {
    const std::uint8_t* data = nullptr; ///< the first byte of the upper row
    /// Pixels.
    int width = 0, height = 0;
    pixel_format format = pixel_format::rgb; ///< samples of a pixel
    std::ptrdiff_t stride = 0;               ///< bytes from one row to the next
    int bits = 8; ///< of a sample that count: 8 in one byte, 9 to 16 in two of the machine's order

    picture_view() = default;

    /// 8 bits a sample.
    picture_view(const std::uint8_t* pixels,
                 int columns,
                 int rows,
                 pixel_format pixel,
                 std::ptrdiff_t bytes_per_row)
        : data(pixels), width(columns), height(rows), format(pixel), stride(bytes_per_row) {}

    /// 8 bits a sample by the number of channels: 1 is grey, 3 RGB, 4 RGBA. Throws errc::value for
    /// another number.
    picture_view(const std::uint8_t* pixels,
                 int columns,
                 int rows,
                 int channels,
                 std::ptrdiff_t bytes_per_row)
        : picture_view(pixels, columns, rows, format_of(channels), bytes_per_row) {}

    /// 16 bits a sample, of which the lower `significant` (9 to 16) count: 12 for a camera that
    /// gives 0 to 4095. The upper 8 of these are what a network gets, as from a file with 16 bits:
    /// it was trained on 8. Larger values count as the largest. Throws errc::value for another
    /// number of bits.
    picture_view(const std::uint16_t* pixels,
                 int columns,
                 int rows,
                 pixel_format pixel,
                 std::ptrdiff_t bytes_per_row,
                 int significant = 16)
        : data(reinterpret_cast<const std::uint8_t*>(pixels)), width(columns), height(rows),
          format(pixel), stride(bytes_per_row), bits(significant) {
        if (significant < 9 || significant > 16)
            fail(errc::value, "picture_view: of 16 bits a sample 9 to 16 count, not " +
                                  std::to_string(significant));
    }

    /// Samples a pixel.
    [[nodiscard]] int channels() const { return channel_count(format); }
    /// One byte a sample of 8 bits, two of more.
    [[nodiscard]] int bytes_per_pixel() const { return channels() * (bits > 8 ? 2 : 1); }
    /// The first byte of row y, from 0 at the top. Not checked.
    [[nodiscard]] const std::uint8_t* row(int y) const { return data + y * stride; }

    /// Grey or RGB in 8 bits: what needs no conversion.
    [[nodiscard]] bool plain() const {
        return bits == 8 && (format == pixel_format::grey || format == pixel_format::rgb);
    }

    /// A rectangle of the same pixels; not checked.
    [[nodiscard]] picture_view window(int left, int top, int columns, int rows) const {
        picture_view part = *this;
        part.data = row(top) + static_cast<std::ptrdiff_t>(left) * bytes_per_pixel();
        part.width = columns;
        part.height = rows;
        return part;
    }

private:
    [[nodiscard]] static pixel_format format_of(int channels) {
        if (channels != 1 && channels != 3 && channels != 4)
            fail(errc::value,
                 "picture_view: a picture has 1, 3 or 4 channels, not " + std::to_string(channels));
        return channels == 1   ? pixel_format::grey
               : channels == 3 ? pixel_format::rgb
                               : pixel_format::rgba;
    }
};

/// Throws errc::value in the name of `who` for a null pointer, a width or height below 1, a number
/// of bits outside 8 to 16, a stride shorter than a row, and sizes beyond 64 bits.
inline void expect_pixels(const picture_view& picture, std::string_view who) {
    constexpr std::ptrdiff_t most = std::numeric_limits<std::ptrdiff_t>::max();
    const auto refuse = [who](const std::string& problem) {
        fail(errc::value, std::string(who) + ": the picture" + problem);
    };
    if (picture.data == nullptr)
        refuse("'s pointer is null");
    if (picture.width < 1 || picture.height < 1)
        refuse(" is " + std::to_string(picture.width) + "x" + std::to_string(picture.height) +
               ", but both sides must be at least 1");
    if (picture.bits < 8 || picture.bits > 16)
        refuse(" has " + std::to_string(picture.bits) + " bits a sample, not 8 to 16");
    const std::ptrdiff_t row = std::ptrdiff_t(picture.width) * picture.bytes_per_pixel();
    if (picture.stride < row)
        refuse("'s stride of " + std::to_string(picture.stride) +
               " bytes is shorter than its row of " + std::to_string(row));
    // Of what is made of a picture nothing has more than 16 bytes a pixel.
    if (picture.stride > most / picture.height || picture.width > most / 16 / picture.height)
        refuse("'s size in bytes exceeds 64 bits");
}

/// Row y as 8-bit grey or, from any format with colours, RGB: where it lies if the view is plain,
/// else converted into `buffer`.
[[nodiscard]] inline const std::uint8_t*
plain_row(const picture_view& picture, int y, std::vector<std::uint8_t>& buffer) {
    const std::uint8_t* from = picture.row(y);
    if (picture.plain())
        return from;
    const bool reversed =
        picture.format == pixel_format::bgr || picture.format == pixel_format::bgra;
    const int count = picture.format == pixel_format::grey ? 1 : 3;
    const int pixel_bytes = picture.bytes_per_pixel();
    buffer.resize(static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(count));
    std::uint8_t* to = buffer.data();
    for (int x = 0; x < picture.width; ++x, from += pixel_bytes)
        for (int c = 0; c < count; ++c) {
            const int sample = reversed ? 2 - c : c;
            if (picture.bits == 8) {
                *to++ = from[sample];
            } else {
                std::uint16_t value = 0; // which need not be aligned
                std::memcpy(&value, from + 2 * sample, sizeof value);
                *to++ = static_cast<std::uint8_t>(std::min(value >> (picture.bits - 8), 255));
            }
        }
    return buffer.data();
}

} // namespace pfad
