// Folders, and lists of the pictures in them.
#pragma once

#include <pfad/core/error.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace pfad::data {

/// Whether the name says PNG, JPEG or BMP, in either case. Names that start with a dot are hidden.
[[nodiscard]] inline bool is_picture_name(const std::filesystem::path& path) {
    constexpr std::array<std::string_view, 4> known = {".png", ".jpg", ".jpeg", ".bmp"};
    const std::string name = path.filename().string();
    std::string extension = path.extension().string();
    for (char& c : extension)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return !name.starts_with('.') &&
           std::find(known.begin(), known.end(), extension) != known.end();
}

/// Throws errc::io unless `folder` is a folder.
inline void expect_folder(const std::filesystem::path& folder) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored))
        fail(errc::io, folder.string() + ": there is no such folder");
    if (!std::filesystem::is_directory(folder, ignored))
        fail(errc::io, folder.string() + ": this is not a folder");
}

/// Throws errc::io where the folder can neither be found nor made.
inline void make_folder(const std::filesystem::path& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure)
        fail(errc::io, folder.string() + ": the folder cannot be made: " + failure.message());
}

/// The visible entries of a folder, sorted by path. Throws errc::io where it cannot be read.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_folder(const std::filesystem::path& folder) {
    expect_folder(folder);
    std::vector<std::filesystem::path> result;
    std::error_code failure;
    for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure))
        if (!at->path().filename().string().starts_with('.'))
            result.push_back(at->path());
    if (failure)
        fail(errc::io, folder.string() + ": the folder cannot be read (" + failure.message() + ")");
    std::sort(result.begin(), result.end());
    return result;
}

/// The pictures directly in a folder, sorted by path; other files are passed over. Throws errc::io
/// for a folder that is missing or holds no picture.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_pictures(const std::filesystem::path& folder) {
    auto result = list_folder(folder);
    std::erase_if(result, [](const std::filesystem::path& path) {
        std::error_code ignored;
        return !is_picture_name(path) || !std::filesystem::is_regular_file(path, ignored);
    });
    if (result.empty())
        fail(errc::io, folder.string() + ": there is no PNG, JPEG or BMP picture in this folder");
    return result;
}

} // namespace pfad::data
