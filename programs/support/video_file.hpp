// Whether a video file is whole, by its outermost boxes. Decoders do not tell: to them a file that was
// cut just ends.
#pragma once

#include <pfad/core/error.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

namespace program {

namespace detail {

/// The beginning of a box; behind the end of the file it is zeros.
using box_head = std::array<std::uint8_t, 16>;

inline std::uint64_t big_endian(const std::uint8_t* bytes, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i)
        value = value << 8 | bytes[i];
    return value;
}

/// The functions below: the length of a box with its head, none where it is not said.
using box_length = std::optional<std::uint64_t> (*)(const box_head&);

/// RIFF: four letters, the length of what follows in little endian. It is 0 until the end of writing.
inline std::optional<std::uint64_t> riff_length(const box_head& head) {
    const std::uint64_t length =
        head[4] | head[5] << 8 | head[6] << 16 | static_cast<std::uint64_t>(head[7]) << 24;
    if (std::memcmp(head.data(), "RIFF", 4) != 0 || length == 0 || length == 0xffffffff)
        return {};
    return 8 + length + length % 2;
}

/// ISO 14496-12: the length with the head in 32 bits, four letters; 1: in the 64 bits that follow.
inline std::optional<std::uint64_t> iso_length(const box_head& head) {
    const std::uint64_t length = big_endian(head.data(), 4);
    const bool wide = length == 1;
    const std::uint64_t whole = wide ? big_endian(head.data() + 8, 8) : length;
    return whole < (wide ? 16 : 8) ? std::nullopt : std::optional(whole);
}

/// EBML: a name and a length of one to eight bytes each, as many as the first has leading zeros and
/// one. All ones: it was not known.
inline std::optional<std::uint64_t> ebml_length(const box_head& head) {
    const int name = std::countl_zero(head[0]) + 1;
    if (name > 4)
        return {};
    const std::uint8_t* const at = head.data() + name;
    const int bytes = std::countl_zero(*at) + 1;
    if (bytes > 8)
        return {};
    const std::uint64_t ones = (std::uint64_t(1) << 7 * bytes) - 1;
    const std::uint64_t length = big_endian(at, bytes) & ones;
    if (length == ones)
        return {};
    return static_cast<std::uint64_t>(name + bytes) + length;
}

inline box_length kind_of(const box_head& head) {
    const auto letters = [&](std::size_t at, const char* wanted) {
        return std::memcmp(head.data() + at, wanted, 4) == 0;
    };
    if (letters(0, "RIFF") && letters(8, "AVI "))
        return riff_length;
    for (const char* name : {"ftyp", "moov", "mdat", "wide", "free", "skip"})
        if (letters(4, name))
            return iso_length;
    return letters(0, "\x1a\x45\xdf\xa3") ? ebml_length : nullptr;
}

} // namespace detail

/// The bytes that a video file had when it was whole: its size or, where it was cut, more. None where
/// its container does not say: it is not AVI, MP4, QuickTime, Matroska or WebM, or was written to a
/// place where lengths cannot be filled in afterwards. Throws errc::io for a file that cannot be read.
[[nodiscard]] inline std::optional<std::uint64_t> whole_size(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file)
        pfad::fail(pfad::errc::io, path + ": cannot be read");
    const auto size = static_cast<std::uint64_t>(file.tellg());
    detail::box_length length_of = nullptr;
    std::uint64_t at = 0;
    while (at < size) {
        detail::box_head head = {};
        file.clear();
        file.seekg(static_cast<std::streamoff>(at));
        file.read(reinterpret_cast<char*>(head.data()), head.size());
        if (at == 0)
            length_of = detail::kind_of(head);
        const auto length = length_of ? length_of(head) : std::nullopt;
        if (!length || *length > UINT64_MAX - at)
            return {};
        at += *length;
    }
    return at;
}

} // namespace program
