// The folder layout of MVTec AD:
//   train/good/NAME.png               good pictures to learn from
//   test/good/NAME.png                good pictures to test with
//   test/KIND/NAME.png                pictures with a defect of some kind
//   ground_truth/KIND/NAME_mask.png   where the defect is: 0 outside, 255 inside
// Pictures and masks may be PNG, JPEG or BMP, of any size each; find_mask() says how else a mask may be
// called. Names of folders count in upper and lower case.
#pragma once

#include <pfad/data/files.hpp>
#include <pfad/data/masks.hpp>

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace pfad::data {

/// A picture to test with.
struct test_item {
    std::filesystem::path picture; ///< path
    std::string kind;              ///< the name of its folder, "good" for a good one
    std::filesystem::path mask;    ///< empty for a good one, and where it is not known

    /// Whether it has a defect.
    [[nodiscard]] bool anomalous() const { return kind != "good"; }
};

/// The good pictures to train with, sorted. Throws errc::io where the folder of the category or
/// train/good is missing or without pictures.
[[nodiscard]] inline std::vector<std::filesystem::path>
list_training_pictures(const std::filesystem::path& category, passed_over* others = nullptr) {
    expect_folder(category);
    return list_pictures(find_entry(find_entry(category, "train"), "good"), others);
}

/// All test pictures, sorted by kind, then name. Without a folder ground_truth no item has a mask.
/// Throws errc::io where test is missing or empty, a kind has no picture, or an anomalous picture no
/// mask.
[[nodiscard]] inline std::vector<test_item> list_test_items(const std::filesystem::path& category,
                                                            passed_over* others = nullptr) {
    expect_folder(category);
    std::vector<test_item> result;
    const auto test = find_entry(category, "test"), truth = find_entry(category, "ground_truth");
    std::error_code ignored;
    const bool masked = std::filesystem::exists(truth, ignored);
    for (const auto& folder : list_folder(test)) {
        if (!std::filesystem::is_directory(folder, ignored))
            continue;
        const std::string name = folder.filename().string();
        const std::string kind = lower_case(name) == "good" ? "good" : name;
        const auto masks = masked && kind != "good" ? find_entry(truth, name) : "";
        for (const auto& picture : list_pictures(folder, others))
            result.push_back({picture, kind, masks.empty() ? masks : find_mask(masks, picture)});
    }
    if (result.empty())
        fail(errc::io, test.string() + ": there is no folder of test pictures");
    return result;
}

} // namespace pfad::data
