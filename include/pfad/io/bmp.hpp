// BMP files without compression: a palette, or 16, 24 or 32 bits a pixel. Their pixels lie in the file
// as they are, so no library is needed.
#pragma once

#include <pfad/io/raster.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pfad::detail {

/// Reads what bmp_facts() has found to be whole. Alpha is read where it says something: many writers leave
/// it 0 everywhere, or 255.
[[nodiscard]] inline raster decode_bmp(const std::string& path, byte_span bytes) {
    bmp_header header;
    const picture_facts facts = bmp_facts(bytes, header);
    const auto damaged = [&](const std::string& what) {
        fail(errc::io, path + ": is a damaged BMP: " + what);
    };
    raster r;
    r.width = static_cast<int>(facts.width);
    r.height = static_cast<int>(facts.height);
    const std::size_t headers = 14 + header.header_size;
    const bool old = header.header_size == 12;
    // Blue, green, red: shift and width of each field, by default five bits of 16 or eight of 32.
    std::array<std::uint32_t, 4> masks{0x1f, 0x3e0, 0x7c00, 0}; // blue, green, red, alpha
    if (header.bits == 32)
        masks = {0xff, 0xff00, 0xff0000, 0xff000000};
    if (headers > header.pixels)
        damaged("its pixels begin within its header");
    if (header.packing != 0) {
        if (bytes.size() < 66)
            damaged("it ends in its header");
        if (header.bits != 16 && header.bits != 32)
            damaged("it has masks, which belong to 16 and 32 bits a pixel");
        for (std::size_t i = 0; i < 3; ++i)
            masks[i] = little_endian(bytes, 62 - 4 * i, 4); // red stands first, at 54
        masks[3] = header.header_size >= 56 && bytes.size() >= 70 ? little_endian(bytes, 66, 4) : 0;
        std::uint32_t all = 0;
        for (const std::uint32_t mask : masks) {
            const std::uint32_t bits = mask >> (mask != 0 ? std::countr_zero(mask) : 0);
            if ((mask & all) != 0 || (bits & (bits + 1)) != 0 ||
                (header.bits == 16 && mask > 0xffff))
                damaged("its masks overlap, have gaps or are too wide");
            all |= mask;
        }
        if ((masks[0] | masks[1] | masks[2]) == 0)
            damaged("its masks leave no colour");
    }
    if (header.bits <= 8) {
        std::size_t count = std::size_t(1) << header.bits;
        if (!old && little_endian(bytes, 46, 4) != 0)
            count = std::min<std::size_t>(count, little_endian(bytes, 46, 4));
        const std::size_t entry = old ? 3 : 4;
        count = std::min(count, (header.pixels - headers) / entry);
        if (count == 0)
            damaged("it has no palette");
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t* const bgr = &bytes[headers + entry * i];
            r.palette.push_back({bgr[2], bgr[1], bgr[0]});
        }
    }
    const std::size_t row =
        (static_cast<std::size_t>(r.width) * static_cast<std::size_t>(header.bits) + 31) / 32 * 4;
    r.channels = header.bits <= 8 ? 1 : 3;
    if (header.bits == 32 && masks[3] != 0) {
        bool clear = false, seen = false;
        for (std::size_t y = 0; y < static_cast<std::size_t>(r.height); ++y)
            for (std::size_t x = 0; x < static_cast<std::size_t>(r.width); ++x)
                ((little_endian(bytes, header.pixels + y * row + 4 * x, 4) & masks[3]) == 0
                     ? clear
                     : seen) = true;
        r.channels = clear && seen ? 4 : 3;
    }
    r.samples.resize(r.pixels() * static_cast<std::size_t>(r.channels));
    const auto field = [](std::uint32_t pixel, std::uint32_t mask) {
        if (mask == 0)
            return std::uint8_t(0);
        const int shift = std::countr_zero(mask);
        const std::uint64_t highest = mask >> shift, value = (pixel & mask) >> shift;
        return static_cast<std::uint8_t>((value * 255 + highest / 2) / highest);
    };
    std::uint8_t* to = r.samples.data();
    for (int y = 0; y < r.height; ++y) {
        const int stored = header.upside_down ? r.height - 1 - y : y;
        const byte_span from =
            bytes.subspan(header.pixels + row * static_cast<std::size_t>(stored));
        const auto width = static_cast<std::size_t>(r.width);
        if (header.bits == 8) {
            to = std::copy_n(from.data(), width, to);
        } else if (header.bits < 8) {
            for (std::size_t x = 0; x < width; ++x) {
                const std::size_t bit = x * static_cast<std::size_t>(header.bits);
                const int up = 8 - header.bits - static_cast<int>(bit % 8);
                *to++ = static_cast<std::uint8_t>(from[bit / 8] >> up & ((1 << header.bits) - 1));
            }
        } else if (header.bits == 24) {
            const std::uint8_t* bgr = from.data();
            for (std::size_t x = 0; x < width; ++x, bgr += 3, to += 3) {
                to[0] = bgr[2];
                to[1] = bgr[1];
                to[2] = bgr[0];
            }
        } else {
            const std::size_t size = static_cast<std::size_t>(header.bits) / 8;
            for (std::size_t x = 0; x < width; ++x) {
                const std::uint32_t pixel = little_endian(from, x * size, size);
                for (std::size_t sample = 3; sample-- > 0;)
                    *to++ = field(pixel, masks[sample]);
                if (r.channels == 4)
                    *to++ = field(pixel, masks[3]);
            }
        }
    }
    return r;
}

} // namespace pfad::detail
