// Masks of pictures: where they are, and what they say together.
#pragma once

#include <pfad/data/files.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace pfad::data {

/// The mask of a picture in a folder of masks: NAME_mask.* or NAME.*, a PNG, JPEG or BMP by its name in
/// upper or lower case, or a folder NAME with several of them (MVTec LOCO). Throws errc::io where there
/// is none, or more than one of a kind.
[[nodiscard]] inline std::filesystem::path find_mask(const std::filesystem::path& folder,
                                                     const std::filesystem::path& picture) {
    const std::string name = picture.stem().string();
    std::error_code ignored;
    for (const std::string& stem : {name + "_mask", name}) {
        std::vector<std::filesystem::path> found;
        for (const char* const extension : {".png", ".PNG", ".bmp", ".BMP", ".jpg", ".JPG", ".jpeg",
                                            ".JPEG", ".Png", ".Bmp", ".Jpg", ".Jpeg"})
            if (const auto path = folder / (stem + extension);
                std::filesystem::is_regular_file(path, ignored) &&
                std::ranges::none_of(found,
                                     [&](const auto& other) { // of a file system without case
                                         return std::filesystem::equivalent(other, path, ignored);
                                     }))
                found.push_back(path);
        if (found.size() > 1)
            fail(errc::io, picture.string() + ": has two masks, " + found[0].string() + " and " +
                               found[1].string());
        if (found.size() == 1)
            return found[0];
    }
    if (const auto several = folder / name; std::filesystem::is_directory(several, ignored))
        return several;
    fail(errc::io, picture.string() + ": its mask is missing; looked for " + name + "_mask.png, " +
                       name + ".png (or .bmp, .jpg) and a folder " + name + " in " +
                       folder.string());
}

/// Reads a mask, or those of a folder as one: a defect is what any of them shows. Throws errc::io where
/// one cannot be read, errc::value where they differ in size.
[[nodiscard]] inline image_u8 read_masks(const std::filesystem::path& path,
                                         const picture_options& reading = {}) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored))
        return read_mask(path.string(), reading);
    image_u8 all;
    passed_over others;
    const auto files = list_pictures(path, &others);
    if (!others.text().empty())
        fail(errc::io,
             path.string() + ": has more than masks, so one may be missing: " + others.text());
    for (const auto& file : files) {
        const auto one = read_mask(file.string(), reading);
        if (all.pixels.empty())
            all = one;
        if (one.width != all.width || one.height != all.height)
            fail(errc::value, file.string() + ": has another size than the masks before it");
        std::transform(one.pixels.begin(), one.pixels.end(), all.pixels.begin(), all.pixels.begin(),
                       [](std::uint8_t a, std::uint8_t b) { return std::max(a, b); });
    }
    return all;
}

} // namespace pfad::data
