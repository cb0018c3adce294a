// The checksum of PNG and zip files.
#pragma once

#include <pfad/io/picture_file.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pfad::detail {

/// CRC-32 (ISO 3309).
[[nodiscard]] inline std::uint32_t crc32(byte_span bytes) {
    static const auto table = [] {
        std::array<std::array<std::uint32_t, 256>, 8> t{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit)
                c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
            t[0][i] = c;
        }
        for (std::size_t step = 1; step < 8; ++step)
            for (std::size_t i = 0; i < 256; ++i)
                t[step][i] = t[step - 1][i] >> 8 ^ t[0][t[step - 1][i] & 255];
        return t;
    }();
    std::uint32_t crc = ~0u;
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        const std::uint32_t low = crc ^ little_endian(bytes, i, 4),
                            high = little_endian(bytes, i + 4, 4);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
              table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
              table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; i < bytes.size(); ++i)
        crc = table[0][(crc ^ bytes[i]) & 255] ^ crc >> 8;
    return ~crc;
}

} // namespace pfad::detail
