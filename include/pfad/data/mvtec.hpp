// The folder layout of MVTec AD:
//   train/good/NAME.png               good pictures to learn from
//   test/good/NAME.png                good pictures to test with
//   test/KIND/NAME.png                pictures with a defect of some kind
//   ground_truth/KIND/NAME_mask.png   where the defect is: 0 outside, 255 inside
// Pictures may be PNG, JPEG or BMP, of any size each; masks are PNG.
#pragma once

#include <pfad/data/files.hpp>

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
list_training_pictures(const std::filesystem::path& category) {
    expect_folder(category);
    return list_pictures(category / "train" / "good");
}

/// All test pictures, sorted by kind, then name. Throws errc::io where test is missing or empty, a
/// kind has no picture, or an anomalous picture no mask.
[[nodiscard]] inline std::vector<test_item> list_test_items(const std::filesystem::path& category) {
    expect_folder(category);
    std::vector<test_item> result;
    for (const auto& folder : list_folder(category / "test")) {
        std::error_code ignored;
        if (!std::filesystem::is_directory(folder, ignored))
            continue;
        for (const auto& picture : list_pictures(folder)) {
            test_item item{picture, folder.filename().string(), {}};
            if (item.anomalous()) {
                item.mask =
                    category / "ground_truth" / item.kind / (picture.stem().string() + "_mask.png");
                if (!std::filesystem::is_regular_file(item.mask, ignored))
                    fail(errc::io,
                         picture.string() + ": its mask " + item.mask.string() + " is missing");
            }
            result.push_back(item);
        }
    }
    if (result.empty())
        fail(errc::io, (category / "test").string() + ": there is no folder of test pictures");
    return result;
}

} // namespace pfad::data
