// What a picture file says of itself before anything is decoded: format, extent, orientation, and
// whether its structure is whole.
#pragma once

#include <pfad/io/file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace pfad {

/// How picture files are read.
struct picture_options {
    /// Of a file with 16 bits a sample: how many count, 9 to 16, from the lowest; larger values count
    /// as the largest, and a picture that is mostly larger ones is refused. 12 suits a camera that stores 0
    /// to 4095. 0: 16, and a picture that uses at most 14 of them is refused, since nearly black is seldom
    /// what was meant.
    int bits = 0;
    /// Pixels; more are refused from the header, before any memory is taken.
    std::int64_t most_pixels = 100'000'000;
};

} // namespace pfad

namespace pfad::detail {

enum class picture_format { none, png, jpeg, bmp };

/// What the structure of a picture file says, without decoding it.
struct picture_facts {
    picture_format format = picture_format::none;
    std::int64_t width = 0, height = 0; ///< as stored; 0 while the header has not been reached
    int orientation = 1;                ///< EXIF's: 1 upright, 2 to 8 mirrored or turned
    bool complete = false;              ///< the end is there
    std::string problem;                ///< why pfad does not read it
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

/// The orientation (tag 0x112, EXIF 2.32) in a TIFF structure; 0 where it says none that is valid.
[[nodiscard]] inline int exif_orientation(byte_span tiff) {
    if (tiff.size() < 8 || (tiff[0] != 'M' && tiff[0] != 'I') || tiff[1] != tiff[0])
        return 0;
    const auto number = [&](std::size_t at, std::size_t count) -> std::size_t {
        return tiff[0] == 'M' ? big_endian(tiff, at, count) : little_endian(tiff, at, count);
    };
    const std::size_t directory = number(4, 4);
    if (number(2, 2) != 42 || directory > tiff.size() || tiff.size() - directory < 2)
        return 0;
    for (std::size_t left = number(directory, 2), at = directory + 2;
         left > 0 && tiff.size() - at >= 12; --left, at += 12)
        if (number(at, 2) == 0x112) {
            // Short, as the standard has it, or long.
            const std::size_t type = number(at + 2, 2);
            const std::size_t value = type == 3   ? number(at + 8, 2)
                                      : type == 4 ? number(at + 8, 4)
                                                  : 0;
            return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
        }
    return 0;
}

/// The type of a PNG's chunk as the number that its four letters are.
[[nodiscard]] consteval std::uint32_t chunk_type(const char (&letters)[5]) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value = value << 8 | static_cast<std::uint32_t>(letters[i]);
    return value;
}

/// PNG: chunks of length, type, data and checksum, from IHDR to IEND. Coded data that is longer
/// than any pixels of this size could be is refused: it would unpack to a thousand times its
/// length.
[[nodiscard]] inline picture_facts png_facts(byte_span bytes) {
    picture_facts facts;
    std::uint64_t coded = 0;
    for (std::size_t at = 8; bytes.size() - at >= 12;) {
        const std::size_t length = big_endian(bytes, at, 4);
        const std::uint32_t type = big_endian(bytes, at + 4, 4);
        const bool header = type == chunk_type("IHDR");
        if (header && length == 13 && bytes.size() - at >= 16) {
            facts.width = big_endian(bytes, at + 8, 4);
            facts.height = big_endian(bytes, at + 12, 4);
        }
        if (header != (at == 8))
            facts.problem = "is a damaged PNG: its header is not its first chunk";
        if (header && length != 13)
            facts.problem = "is a damaged PNG: its header has another length than 13";
        if (length > bytes.size() - at - 12)
            break;
        if (type == chunk_type("IEND")) {
            facts.complete = true;
            break;
        }
        if (type == chunk_type("IDAT"))
            coded += length;
        else if (type == chunk_type("eXIf")) {
            // Some writers put JPEG's mark in front.
            const bool marked = length > 6 && std::memcmp(&bytes[at + 8], "Exif\0", 6) == 0;
            const std::size_t skip = marked ? 6 : 0;
            facts.orientation =
                std::max(exif_orientation(bytes.subspan(at + 8 + skip, length - skip)), 1);
        } else if (!header && type != chunk_type("PLTE") && (bytes[at + 4] & 0x20) == 0)
            facts.problem = "has a chunk `" +
                            std::string(reinterpret_cast<const char*>(&bytes[at + 4]), 4) +
                            "`, without which it cannot be understood and which pfad does not know";
        at += 12 + length;
    }
    if (facts.width > 0 && facts.height <= std::numeric_limits<std::int32_t>::max()) {
        // Eight bytes a pixel at the most, and room for what an encoder adds.
        const auto pixels = static_cast<std::uint64_t>(8 * facts.width + 2) *
                            static_cast<std::uint64_t>(facts.height);
        if (coded > pixels + pixels / 8 + 65536)
            facts.problem = "has more data than its pixels can be";
    }
    return facts;
}

/// JPEG: segments of marker and length and, behind a scan's, coded bytes up to the next marker that is
/// neither a restart nor a stuffed zero. EOI ends it.
[[nodiscard]] inline picture_facts jpeg_facts(byte_span bytes) {
    picture_facts facts;
    std::string missing; // components of the frame that no scan has had
    // Of a progressive file, the lowest bit of each component's coefficients that is there; -1: none.
    std::map<int, std::array<int, 64>> lowest;
    bool progressive = false, oriented = false;
    int scans = 0;
    std::size_t at = 2;
    while (bytes.size() - at >= 2) {
        const std::uint8_t marker = bytes[at + 1];
        // Fill bytes and rubbish between segments are skipped, as decoders do.
        if (bytes[at] != 0xff || marker == 0xff || marker == 0x00 || marker == 0x01 ||
            (marker >= 0xd0 && marker <= 0xd8)) {
            const void* const next = std::memchr(&bytes[at + 1], 0xff, bytes.size() - at - 1);
            if (next == nullptr)
                break;
            at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - bytes.data());
            continue;
        }
        if (marker == 0xd9) {
            facts.complete = true;
            for (const auto& [component, bits] : lowest)
                if (facts.problem.empty() &&
                    std::ranges::any_of(bits, [](int b) { return b != 0; }))
                    facts.problem = "is a damaged JPEG: scans are missing";
            if (facts.problem.empty() && !missing.empty())
                facts.problem = "is a damaged JPEG: a colour has no data";
            break;
        }
        if (bytes.size() - at < 4)
            break;
        const std::size_t length = big_endian(bytes, at + 2, 2);
        if (length < 2 || length > bytes.size() - at - 2)
            break;
        const byte_span content = bytes.subspan(at + 4, length - 2);
        const bool frame =
            marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        // The first frame counts, as for the decoders.
        if (frame && facts.width == 0 && content.size() >= 6) {
            facts.height = big_endian(content, 1, 2);
            facts.width = big_endian(content, 3, 2);
            for (std::size_t i = 6; i < content.size() && i < 6 + 3u * content[5]; i += 3)
                missing += static_cast<char>(content[i]);
            progressive = marker == 0xc2;
            if (facts.height == 0)
                facts.problem = "gives its height behind its pixels, which pfad does not read";
            if (content[0] != 8)
                facts.problem =
                    "has " + std::to_string(content[0]) + " bits a sample; of a JPEG pfad reads 8";
            if (marker == 0xc9 || marker == 0xca)
                facts.problem =
                    "is coded arithmetically, where nobody can tell whether data is missing; "
                    "save it with Huffman codes";
            else if (marker > 0xc2)
                facts.problem = "is a lossless or hierarchical JPEG, which pfad does not read";
        }
        if (marker == 0xda) {
            for (std::size_t i = 1; i < content.size() && i < 1 + 2u * content[0]; i += 2)
                std::erase(missing, static_cast<char>(content[i]));
            const std::size_t tail = 1 + 2u * (content.empty() ? 0u : content[0]);
            if (progressive && content.size() >= tail + 3)
                for (std::size_t i = 1; i < tail; i += 2) {
                    const auto [place, is_new] = lowest.try_emplace(content[i]);
                    auto& bits = place->second;
                    if (is_new)
                        bits.fill(-1);
                    for (std::size_t k = content[tail]; k <= content[tail + 1] && k < 64; ++k)
                        bits[k] = content[tail + 2] & 15;
                }
            // Each is a pass over all pixels, and a file of a few kilobytes could have thousands.
            if (++scans > 500)
                facts.problem = "has more than 500 scans";
        }
        // Of several, the first one that says something.
        if (marker == 0xe1 && content.size() > 6 && std::memcmp(content.data(), "Exif\0", 6) == 0)
            if (const int found = exif_orientation(content.subspan(6)); found != 0 && !oriented) {
                facts.orientation = found;
                oriented = true;
            }
        at += 2 + length;
    }
    return facts;
}

/// The parts of a BMP's header that say where its pixels are and what they are.
struct bmp_header {
    std::size_t pixels = 0;      ///< where they begin
    std::size_t header_size = 0; ///< of the second header, which begins at byte 14
    int bits = 0;                ///< a pixel
    std::uint32_t packing = 0;   ///< 0: none; 3, 6: by masks
    bool upside_down = true;     ///< the first row is the lowest
};

/// BMP: the pixels of an uncompressed one have a known size.
[[nodiscard]] inline picture_facts bmp_facts(byte_span bytes, bmp_header& header) {
    picture_facts facts;
    if (bytes.size() < 26)
        return facts;
    header.pixels = little_endian(bytes, 10, 4);
    header.header_size = little_endian(bytes, 14, 4);
    if (header.header_size == 12) {
        facts.width = little_endian(bytes, 18, 2);
        facts.height = little_endian(bytes, 20, 2);
        header.bits = static_cast<int>(little_endian(bytes, 24, 2));
    } else {
        if (bytes.size() < 54)
            return facts;
        facts.width = static_cast<std::int32_t>(little_endian(bytes, 18, 4));
        // Negative: the rows run from top to bottom.
        facts.height = static_cast<std::int32_t>(little_endian(bytes, 22, 4));
        header.upside_down = facts.height >= 0;
        facts.height = facts.height < 0 ? -facts.height : facts.height;
        header.bits = static_cast<int>(little_endian(bytes, 28, 2));
        header.packing = little_endian(bytes, 30, 4);
    }
    const int bits = header.bits;
    const bool known =
        bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    if (header.header_size != 12 && header.header_size < 40)
        facts.problem = "has a BMP header of " + std::to_string(header.header_size) +
                        " bytes; pfad reads those of 12 and from 40 on";
    else if (header.packing != 0 && header.packing != 3 && header.packing != 6)
        facts.problem = "is a compressed BMP, which pfad does not read";
    else if (!known)
        facts.problem = "is a BMP of " + std::to_string(bits) +
                        " bits a pixel; pfad reads 1, 4, 8, 16, 24 and 32";
    else if (facts.width < 0)
        facts.problem = "has a damaged BMP header";
    const std::int64_t row = (facts.width * bits + 31) / 32 * 4;
    facts.complete =
        facts.problem.empty() && header.pixels <= bytes.size() &&
        (facts.height == 0 ||
         row <= static_cast<std::int64_t>(bytes.size() - header.pixels) / facts.height);
    return facts;
}

/// Throws unless the bytes are a whole picture file of a format and size that pfad reads.
[[nodiscard]] inline picture_facts
check_picture(const std::string& path, byte_span bytes, const picture_options& options) {
    const picture_format format = format_of(bytes);
    bmp_header header;
    picture_facts facts;
    if (format == picture_format::png)
        facts = png_facts(bytes);
    else if (format == picture_format::jpeg)
        facts = jpeg_facts(bytes);
    else if (format == picture_format::bmp)
        facts = bmp_facts(bytes, header);
    else
        fail(errc::io, path + ": is not a PNG, JPEG or BMP picture");
    facts.format = format;
    // Sides first: their product could overflow.
    constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
    if (facts.width > longest || facts.height > longest ||
        facts.width * facts.height > options.most_pixels) {
        std::string most = std::to_string(options.most_pixels);
        most = most.ends_with("000000") ? most.substr(0, most.size() - 6) + " megapixels"
                                        : most + " pixels";
        fail(errc::io, path + ": is " + std::to_string(facts.width) + "x" +
                           std::to_string(facts.height) + ", more than the " + most +
                           " that pfad reads");
    }
    if (!facts.problem.empty())
        fail(errc::io, path + ": " + facts.problem);
    if (!facts.complete)
        fail(errc::io, path + ": is truncated");
    if (facts.width == 0 || facts.height == 0)
        fail(errc::io, path + ": is a picture without pixels");
    return facts;
}

} // namespace pfad::detail
