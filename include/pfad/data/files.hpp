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

/// With a to z in place of A to Z.
[[nodiscard]] inline std::string lower_case(std::string text) {
    for (char& c : text)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

/// Whether the name says PNG, JPEG or BMP, in either case. Names that start with a dot are hidden.
[[nodiscard]] inline bool is_picture_name(const std::filesystem::path& path) {
    constexpr std::array<std::string_view, 4> known = {".png", ".jpg", ".jpeg", ".bmp"};
    return !path.filename().string().starts_with('.') &&
           std::ranges::count(known, lower_case(path.extension().string())) > 0;
}

/// Whether a file or folder is an operating system's or an archiver's, and nobody's data.
[[nodiscard]] inline bool is_clutter(const std::filesystem::path& path) {
    constexpr std::array<std::string_view, 6> names = {"__macosx",     "@eadir",
                                                       "$recycle.bin", "system volume information",
                                                       "thumbs.db",    "desktop.ini"};
    const std::string name = lower_case(path.filename().string());
    return name.starts_with('.') || std::ranges::count(names, name) > 0;
}

/// What was in folders of pictures and is none.
struct passed_over {
    /// Numbers of files, of links to nothing, and of what is neither, such as folders.
    int files = 0, links = 0, folders = 0;
    std::string example; ///< the first file's path

    /// "3 files that are not PNG, JPEG or BMP by name (a.tif), 1 dead link, 2 folders"; empty where there is
    /// none.
    [[nodiscard]] std::string text() const {
        std::string result;
        if (files > 0)
            result = std::to_string(files) + (files == 1 ? " file that is" : " files that are") +
                     " not PNG, JPEG or BMP by name (" + example + ")";
        if (links > 0)
            result += (result.empty() ? "" : ", ") + std::to_string(links) +
                      (links == 1 ? " dead link" : " dead links");
        if (folders > 0)
            result += (result.empty() ? "" : ", ") + std::to_string(folders) +
                      (folders == 1 ? " folder" : " folders");
        return result;
    }
};

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

/// The entries of a folder but for clutter, sorted by path. Throws errc::io where it cannot be read.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_folder(const std::filesystem::path& folder) {
    expect_folder(folder);
    std::vector<std::filesystem::path> result;
    std::error_code failure;
    for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure))
        if (!is_clutter(at->path()))
            result.push_back(at->path());
    if (failure)
        fail(errc::io, folder.string() + ": the folder cannot be read (" + failure.message() + ")");
    std::sort(result.begin(), result.end());
    return result;
}

/// The entry of a folder with this name, or else the one that differs from it in upper and lower case
/// alone; FOLDER/NAME where there is neither. Throws errc::io where two differ so.
[[nodiscard]] inline std::filesystem::path find_entry(const std::filesystem::path& folder,
                                                      const std::string& name) {
    std::error_code ignored;
    auto found = folder / name;
    if (std::filesystem::exists(found, ignored) || !std::filesystem::is_directory(folder, ignored))
        return found;
    int count = 0;
    for (const auto& path : list_folder(folder))
        if (lower_case(path.filename().string()) == lower_case(name)) {
            found = path;
            ++count;
        }
    if (count > 1)
        fail(errc::io, folder.string() + ": has more than one `" + name +
                           "` in upper and lower case, and none that is written so");
    return found;
}

/// The pictures directly in a folder, sorted by path; other files are passed over, and counted in
/// `others`. Throws errc::io for a folder that is missing or holds no picture.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_pictures(const std::filesystem::path& folder, passed_over* others = nullptr) {
    auto result = list_folder(folder);
    passed_over here;
    std::erase_if(result, [&](const std::filesystem::path& path) {
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) {
            ++here.links;
            return true;
        }
        const bool regular = std::filesystem::is_regular_file(path, ignored);
        here.folders += !regular;
        if (regular && is_picture_name(path))
            return false;
        if (regular && here.files++ == 0)
            here.example = path.string();
        return true;
    });
    if (result.empty())
        fail(errc::io, folder.string() + ": there is no PNG, JPEG or BMP picture in this folder" +
                           (here.text().empty() ? "" : ", but " + here.text()));
    if (others != nullptr) {
        if (others->files == 0)
            others->example = here.example;
        others->files += here.files;
        others->links += here.links;
        others->folders += here.folders;
    }
    return result;
}

} // namespace pfad::data
