// Base64 (RFC 4648, section 4), for pictures inside text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pfad {

/// Four characters for every three bytes, padded with '='.
[[nodiscard]] inline std::string base64(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        const unsigned group = (static_cast<unsigned>(bytes[i]) << 16) |
                               (left > 1 ? static_cast<unsigned>(bytes[i + 1]) << 8 : 0u) |
                               (left > 2 ? static_cast<unsigned>(bytes[i + 2]) : 0u);
        text += digits[group >> 18];
        text += digits[(group >> 12) & 63];
        text += left > 1 ? digits[(group >> 6) & 63] : '=';
        text += left > 2 ? digits[group & 63] : '=';
    }
    return text;
}

/// The bytes of such a text; none where a character is not of the alphabet, or the padding is wrong.
[[nodiscard]] inline std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
    const auto value_of = [](char c) {
        return c >= 'A' && c <= 'Z'   ? c - 'A'
               : c >= 'a' && c <= 'z' ? c - 'a' + 26
               : c >= '0' && c <= '9' ? c - '0' + 52
               : c == '+'             ? 62
               : c == '/'             ? 63
                                      : -1;
    };
    if (text.size() % 4 != 0)
        return {};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    text.remove_suffix(padding);
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    unsigned group = 0; // the last characters, six bits each
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int value = value_of(text[i]);
        if (value < 0)
            return {};
        group = group << 6 | static_cast<unsigned>(value);
        if (i % 4 != 0) // the second to fourth of a group complete a byte each
            bytes.push_back(static_cast<std::uint8_t>(group >> (2 * (3 - i % 4))));
    }
    return bytes;
}

} // namespace pfad
