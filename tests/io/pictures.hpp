// Picture files made by hand, with true checksums.
#pragma once

#include "io/files.hpp"

#include <pfad/io/image.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace io_test {

inline void append(bytes& to, std::uint32_t value, int count, bool big = true) {
    for (int i = 0; i < count; ++i)
        to.push_back(static_cast<std::uint8_t>(value >> 8 * (big ? count - 1 - i : i)));
}

inline void append_chunk(bytes& png, const std::string& type, const bytes& data) {
    bytes body = bytes_of(type);
    body.insert(body.end(), data.begin(), data.end());
    append(png, static_cast<std::uint32_t>(data.size()), 4);
    png.insert(png.end(), body.begin(), body.end());
    append(png, crc_of(body), 4);
}

using chunk = std::pair<std::string, bytes>;

/// A PNG of rows of samples as they are stored, without compression; `kind` is the colour type. `before`
/// stands in front of the pixels.
inline bytes png_of(int width,
                    int depth,
                    int kind,
                    const std::vector<bytes>& rows,
                    const std::vector<chunk>& before = {}) {
    bytes png = bytes_of("\x89PNG\r\n\x1a\n"), header, plain;
    append(header, static_cast<std::uint32_t>(width), 4);
    append(header, static_cast<std::uint32_t>(rows.size()), 4);
    for (const int value : {depth, kind, 0, 0, 0})
        append(header, static_cast<std::uint32_t>(value), 1);
    append_chunk(png, "IHDR", header);
    for (const auto& [type, data] : before)
        append_chunk(png, type, data);
    for (const auto& row : rows) {
        plain.push_back(0);
        plain.insert(plain.end(), row.begin(), row.end());
    }
    bytes stream = {0x78, 0x01, 1};
    append(stream, static_cast<std::uint32_t>(plain.size()), 2, false);
    append(stream, static_cast<std::uint32_t>(~plain.size()), 2, false);
    stream.insert(stream.end(), plain.begin(), plain.end());
    std::uint32_t low = 1, high = 0;
    for (const auto byte : plain) {
        low = (low + byte) % 65521;
        high = (high + low) % 65521;
    }
    append(stream, high << 16 | low, 4);
    append_chunk(png, "IDAT", stream);
    append_chunk(png, "IEND", {});
    return png;
}

/// A grey PNG of one row with 16 bits a sample.
inline bytes wide_png(const std::vector<int>& values) {
    bytes row;
    for (const int value : values)
        append(row, static_cast<std::uint32_t>(value), 2);
    return png_of(static_cast<int>(values.size()), 16, 0, {row});
}

inline void take(void* to, void* data, int size) {
    const auto* const from = static_cast<const std::uint8_t*>(data);
    auto* const all = static_cast<bytes*>(to);
    all->insert(all->end(), from, from + size);
}
/// Sequential, with the usual Huffman tables and no restarts.
inline bytes jpeg_of(const pfad::image_u8& image) {
    bytes result;
    stbi_write_jpg_to_func(take, &result, image.width, image.height, image.channels,
                           image.pixels.data(), 90);
    return result;
}
inline bytes bmp_of(const pfad::image_u8& image) {
    bytes result;
    stbi_write_bmp_to_func(take, &result, image.width, image.height, image.channels,
                           image.pixels.data());
    return result;
}

/// The JPEG without its segments of a marker.
inline bytes without_segments(const bytes& jpeg, int marker) {
    bytes result(jpeg.begin(), jpeg.begin() + 2);
    std::size_t at = 2;
    while (jpeg[at + 1] != 0xda) {
        const std::size_t size = 2 + (static_cast<std::size_t>(jpeg[at + 2]) << 8 | jpeg[at + 3]);
        if (jpeg[at + 1] != marker)
            result.insert(result.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at),
                          jpeg.begin() + static_cast<std::ptrdiff_t>(at + size));
        at += size;
    }
    result.insert(result.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(at), jpeg.end());
    return result;
}

/// A TIFF structure with an orientation, and an entry before it.
inline bytes exif_of(int orientation, bool big) {
    bytes tiff = bytes_of(big ? "MM" : "II");
    const auto add = [&](std::uint32_t value, int count) { append(tiff, value, count, big); };
    add(42, 2);
    add(8, 4);
    add(2, 2);
    for (const auto& [tag, value] : {std::pair(0x100, 7), {0x112, orientation}}) {
        add(static_cast<std::uint32_t>(tag), 2);
        add(3, 2);
        add(1, 4);
        add(static_cast<std::uint32_t>(value), 2);
        add(0, 2);
    }
    add(0, 4);
    return tiff;
}

/// A BMP of stored rows with a header of 40 bytes; `head` stands between header and pixels.
inline bytes bmp_file(int width,
                      int height,
                      int bits,
                      int packing,
                      int colours,
                      const bytes& head,
                      const std::vector<bytes>& rows) {
    bytes bmp = bytes_of("BM");
    const auto add = [&](int value, int count) {
        append(bmp, static_cast<std::uint32_t>(value), count, false);
    };
    for (const int value : {0, 0, 54 + static_cast<int>(head.size()), 40, width, height})
        add(value, 4);
    add(1, 2);
    add(bits, 2);
    for (const int value : {packing, 0, 0, 0, colours, 0})
        add(value, 4);
    bmp.insert(bmp.end(), head.begin(), head.end());
    for (auto row : rows) {
        row.resize((row.size() + 3) / 4 * 4);
        bmp.insert(bmp.end(), row.begin(), row.end());
    }
    return bmp;
}

/// A grey or RGB ramp with some noise, so that no two rows are alike.
inline pfad::image_u8 ramp(int width, int height, int channels) {
    pfad::image_u8 image{width, height, channels, {}};
    std::mt19937 random(3);
    for (int i = 0; i < width * height * channels; ++i)
        image.pixels.push_back(static_cast<std::uint8_t>(i * 2 + static_cast<int>(random() % 9)));
    return image;
}

/// What is said of a file with this content, without its path.
inline std::string sentence_for(const bytes& content, const std::string& name = "p.png") {
    const temporary_folder folder;
    const std::string path = folder / name;
    put_file(path, content);
    const std::string text =
        error_of(pfad::errc::io, [&] { static_cast<void>(pfad::read_picture(path)); });
    if (text.empty())
        return text;
    REQUIRE(text.starts_with(path + ": "));
    return text.substr(path.size() + 2);
}

} // namespace io_test
