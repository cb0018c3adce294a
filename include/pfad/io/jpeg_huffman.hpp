// The Huffman codes of JPEG files (ITU-T T.81, C.2, F.2.2.3, K.3): tables, and symbols from coded data.
#pragma once

#include <pfad/io/file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace pfad::detail {

/// The Huffman tables of T.81, K.3, as a DHT segment: motion JPEG leaves them out. Behind the symbols that are
/// listed here, tables K.5 and K.6 run through the sizes up to ten of each run of zeros from 1 to 15, and
/// `sizes` says where each begins.
[[nodiscard]] inline std::vector<std::uint8_t> usual_huffman_tables() {
    std::vector<std::uint8_t> segment = {0xff, 0xc4, 0, 0};
    const auto add = [&](std::initializer_list<int> table, std::string_view sizes) {
        for (const int value : table)
            segment.push_back(static_cast<std::uint8_t>(value));
        for (std::size_t run = 1; run <= sizes.size(); ++run)
            for (int size = sizes[run - 1] - '0'; size <= 10; ++size)
                segment.push_back(
                    static_cast<std::uint8_t>(run << 4 | static_cast<unsigned>(size)));
    };
    // Class and number, how many codes have 1 to 16 bits, symbols.
    add({0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0,  0, 0,
         0,    0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        "");
    add({0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,  0, 0,
         0,    0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        "");
    add({0x10, 0,    2,    1,    3,    3,    2,    4,    3,    5,    5,    4,    4,    0,
         0,    1,    0x7d, 0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41,
         0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23,
         0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a},
        "654333332222211");
    add({0x11, 0,    2,    1,    2,    4,    4,    3,    4,    7,    5,    4,    4,    0,    1,
         2,    0x77, 0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51,
         0x07, 0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09,
         0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1},
        "765333322222222");
    segment[2] = static_cast<std::uint8_t>((segment.size() - 2) >> 8);
    segment[3] = static_cast<std::uint8_t>(segment.size() - 2);
    return segment;
}

/// Codes of 1 to 16 bits (T.81, C.2, F.2.2.3).
struct huffman_table {
    /// 1 behind the last code of a length, on the left of 16 bits.
    std::array<std::int32_t, 17> past{};
    std::array<std::int32_t, 17> offset{}; ///< from a code to its symbol's place
    std::array<std::uint16_t, 512> fast{}; ///< of nine bits: length << 8 | symbol; 0: a longer code
    std::array<std::uint8_t, 256> symbols{};
    bool defined = false;

    /// Of 16 counts and the symbols behind them. Returns the bytes that it took, 0 for no table.
    std::size_t read(byte_span from) {
        if (from.size() < 16)
            return 0;
        std::int32_t code = 0;
        std::size_t total = 0;
        fast.fill(0);
        for (std::size_t length = 1; length <= 16; ++length) {
            const std::size_t count = from[length - 1];
            if (total + count > 256 || from.size() < 16 + total + count)
                return 0;
            offset[length] = static_cast<std::int32_t>(total) - code;
            for (std::size_t i = 0; i < count; ++i, ++code, ++total) {
                symbols[total] = from[16 + total];
                if (code >= 1 << length)
                    return 0;
                if (length <= 9)
                    std::fill_n(fast.begin() + (code << (9 - length)), 1 << (9 - length),
                                static_cast<std::uint16_t>(length << 8 | symbols[total]));
            }
            past[length] = code << (16 - length);
            code *= 2;
        }
        defined = true;
        return 16 + total;
    }
};

/// The bits of a run of coded data, without the zeros behind its 0xff.
class jpeg_bits {
public:
    /// The bytes of `coded` must outlive it.
    explicit jpeg_bits(byte_span coded) : coded_(coded) {}

    /// The bits' value, count up to 16. Sets `missing` where there are fewer.
    std::uint32_t take(int count) {
        const std::uint32_t value = peek() >> (16 - count);
        drop(count);
        return value;
    }
    /// The next symbol; sets `missing` where no code fits.
    std::uint8_t symbol(const huffman_table& table) {
        const std::uint32_t next = peek();
        if (const std::uint16_t found = table.fast[next >> 7]) {
            drop(found >> 8);
            return static_cast<std::uint8_t>(found);
        }
        for (std::size_t length = 1; length <= 16; ++length)
            if (static_cast<std::int32_t>(next) < table.past[length]) {
                drop(static_cast<int>(length));
                const auto code = static_cast<std::int32_t>(next >> (16 - length));
                return table.symbols[static_cast<std::size_t>(code + table.offset[length]) & 255];
            }
        missing = true;
        return 0;
    }
    /// Whole bytes that were not taken.
    [[nodiscard]] std::size_t left() const {
        return coded_.size() - at_ + static_cast<std::size_t>(std::max(held_, 0)) / 8;
    }

    bool missing = false;

private:
    std::uint32_t peek() {
        while (held_ <= 48 && at_ < coded_.size()) {
            bits_ |= std::uint64_t(coded_[at_++]) << (56 - held_);
            held_ += 8;
        }
        return static_cast<std::uint32_t>(bits_ >> 48);
    }
    void drop(int count) {
        missing |= count > held_;
        held_ -= count;
        bits_ <<= count;
    }

    byte_span coded_;
    std::size_t at_ = 0;
    std::uint64_t bits_ = 0;
    int held_ = 0;
};

} // namespace pfad::detail
