// Files of a test as bytes, and errors as text.
#pragma once

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <pfad/io/file.hpp>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace io_test {

using bytes = std::vector<std::uint8_t>;

inline bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

/// CRC-32, a bit at a time.
inline std::uint32_t crc_of(const bytes& data) {
    std::uint32_t crc = ~0u;
    for (const auto byte : data) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/// Plain writing, so that what is tested does not make its own input.
inline void put_file(const std::string& path, const bytes& content) {
    // Some file systems flush a file that is cut short and written again.
    std::filesystem::remove(path);
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    if (!content.empty())
        REQUIRE(std::fwrite(content.data(), 1, content.size(), file) == content.size());
    std::fclose(file);
}

inline bytes get_file(const std::string& path) {
    const auto content = pfad::read_file(path);
    return {content.bytes().begin(), content.bytes().end()};
}

/// The sentence of the error that `action` throws, after a check of its kind; "" without one.
template <class F>
std::string error_of(pfad::errc code, F&& action) {
    try {
        action();
    } catch (const pfad::error& e) {
        CHECK(e.code() == code);
        return e.what();
    }
    return "";
}

inline bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

} // namespace io_test
