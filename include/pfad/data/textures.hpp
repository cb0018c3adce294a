// The pictures that anomalies are painted with: any folder, the Describable Textures Dataset
// (images/CLASS/NAME.jpg) or flat.
#pragma once

#include <pfad/data/files.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace pfad::data {

/// Every picture under a folder, however deep, sorted by path; links to folders are not followed.
/// Throws errc::io for a folder that is missing or has none.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_textures(const std::filesystem::path& root) {
    std::vector<std::filesystem::path> folders = {root};
    std::vector<std::filesystem::path> result;
    while (!folders.empty()) {
        const auto folder = std::move(folders.back());
        folders.pop_back();
        for (const auto& path : list_folder(folder)) {
            std::error_code ignored;
            if (std::filesystem::is_directory(std::filesystem::symlink_status(path, ignored)))
                folders.push_back(path);
            else if (is_picture_name(path) && std::filesystem::is_regular_file(path, ignored))
                result.push_back(path);
        }
    }
    if (result.empty())
        fail(errc::io, root.string() + ": there is no PNG, JPEG or BMP picture in this folder or "
                                       "below it");
    std::sort(result.begin(), result.end());
    return result;
}

} // namespace pfad::data
