// Good pictures that training does not see, so that a threshold can come from pictures that are new to the
// network.
#pragma once

#include <pfad/core/error.hpp>

#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

namespace pfad::data {

/// The good pictures of a category.
struct good_pictures {
    std::vector<std::filesystem::path> training; ///< what a network learns from
    std::vector<std::filesystem::path> kept_out; ///< what it does not see
};

/// Fewer pictures than these say too little of new ones.
inline constexpr std::size_t fewest_kept_out = 8;

/// Keeps every `every`-th picture out, the first behind every - 1 others; 0 keeps none out, and neither does
/// what would keep out fewer than fewest_kept_out. Pictures that were taken one after the other, and named
/// so, are thus spread evenly. Throws errc::value for a negative number and for 1, which leaves nothing to
/// train with.
[[nodiscard]] inline good_pictures keep_out(std::vector<std::filesystem::path> pictures,
                                            int every) {
    expect(every == 0 || every >= 2, "keep out",
           "every second picture or fewer are kept out, or 0 for none");
    good_pictures result;
    if (every == 0 || pictures.size() / static_cast<std::size_t>(every) < fewest_kept_out) {
        result.training = std::move(pictures);
        return result;
    }
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const bool out = (i + 1) % static_cast<std::size_t>(every) == 0;
        (out ? result.kept_out : result.training).push_back(std::move(pictures[i]));
    }
    return result;
}

} // namespace pfad::data
