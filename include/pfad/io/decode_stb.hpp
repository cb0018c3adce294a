// PNG and JPEG by stb, for where libpng and libjpeg are not used. What stb would misread is checked or
// put right before: it knows no checksum, and decodes damaged data as if it were whole.
#pragma once

#include <pfad/io/crc32.hpp>
#include <pfad/io/jpeg_scans.hpp>
#include <pfad/io/raster.hpp>
#include <pfad/io/stb.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace pfad::detail::stb_decoders {

/// A PNG's chunks, checked by their checksums. Of one with a palette the colours and their opacity go to
/// `facts`, and in their place stand 256 greys that are the indices themselves.
[[nodiscard]] inline std::vector<std::uint8_t>
checked_png(const std::string& path, byte_span bytes, raster& facts) {
    std::vector<std::uint8_t> out(bytes.begin(), bytes.begin() + 8);
    out.reserve(bytes.size() + 1024);
    const bool indexed = bytes.size() > 25 && bytes[25] == 3;
    for (std::size_t at = 8;;) {
        const std::size_t length = big_endian(bytes, at, 4);
        const std::uint32_t type = big_endian(bytes, at + 4, 4);
        if (crc32(bytes.subspan(at + 4, length + 4)) != big_endian(bytes, at + 8 + length, 4))
            fail(errc::io, path + ": cannot be decoded: a checksum does not fit its data");
        const byte_span chunk = bytes.subspan(at, 12 + length);
        if (type == chunk_type("PLTE") && indexed) {
            for (std::size_t i = 0; i + 3 <= length; i += 3)
                facts.palette.push_back({chunk[8 + i], chunk[9 + i], chunk[10 + i]});
            out.insert(out.end(), {0, 0, 3, 0, 'P', 'L', 'T', 'E'});
            for (int i = 0; i < 256; ++i)
                out.insert(out.end(), 3, static_cast<std::uint8_t>(i));
            out.insert(out.end(), 4, 0);
        } else if (type == chunk_type("tRNS") && indexed) {
            if (length > facts.palette.size())
                fail(errc::io,
                     path + ": cannot be decoded: it has more transparent colours than colours");
            facts.opacity.assign(chunk.begin() + 8,
                                 chunk.begin() + 8 + static_cast<std::ptrdiff_t>(length));
        } else if (type == chunk_type("IHDR") || type == chunk_type("IDAT") ||
                   type == chunk_type("IEND") || type == chunk_type("tRNS")) {
            out.insert(out.end(), chunk.begin(), chunk.end());
        }
        at += 12 + length;
        if (type == chunk_type("IEND"))
            return out;
    }
}

struct stb_free {
    void operator()(void* pixels) const { stbi_image_free(pixels); }
};

/// What stb makes of the bytes, with `wanted` channels, 0 for those of the file.
[[nodiscard]] inline raster
decode_by_stb(const std::string& path, byte_span bytes, int wanted, const picture_facts& facts) {
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail(errc::io, path + ": is larger than 2 GiB");
    const int length = static_cast<int>(bytes.size());
    raster r;
    const auto take = [&](auto load, auto& samples) {
        int stored = 0;
        const auto pixels = load(bytes.data(), length, &r.width, &r.height, &stored, wanted);
        const std::unique_ptr<std::remove_pointer_t<decltype(pixels)>, stb_free> owner(pixels);
        if (pixels == nullptr) {
            const char* const reason = stbi_failure_reason();
            fail(errc::io, path + ": cannot be decoded: " + (reason ? reason : "damaged"));
        }
        if (r.width != facts.width || r.height != facts.height)
            fail(errc::io, path + ": is damaged: it has two sizes");
        r.channels = wanted == 0 ? stored : wanted;
        samples.assign(pixels, pixels + r.pixels() * static_cast<std::size_t>(r.channels));
    };
    if (facts.format == picture_format::png && stbi_is_16_bit_from_memory(bytes.data(), length))
        take(stbi_load_16_from_memory, r.wide);
    else
        take(stbi_load_from_memory, r.samples);
    return r;
}

[[nodiscard]] inline raster
decode_png(const std::string& path, byte_span bytes, const picture_facts& facts) {
    raster colours;
    const auto checked = checked_png(path, bytes, colours);
    raster r = decode_by_stb(path, checked, colours.palette.empty() ? 0 : 1, facts);
    r.palette = std::move(colours.palette);
    r.opacity = std::move(colours.opacity);
    return r;
}

[[nodiscard]] inline raster
decode_jpeg(const std::string& path, byte_span bytes, const picture_facts& facts) {
    const jpeg_walk walk(path, bytes);
    return decode_by_stb(path, walk.clean(), 0, facts);
}

} // namespace pfad::detail::stb_decoders
