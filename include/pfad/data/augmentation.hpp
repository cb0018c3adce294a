// What is drawn at random about a training sample, and the masks that training needs: plain numbers
// from a stream of draws. The work itself is in rotate.hpp and ops/synthesise_anomaly.hpp.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/core/view.hpp>
#include <pfad/ops/synthesise_anomaly.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string_view>
#include <utility>

namespace pfad::data {

/// How good pictures are turned before anything else: not at all, by up to 5 degrees, or by a
/// multiple of 90 degrees and then by up to 5.
enum class rotation { none, slight, full };

/// What suits a category of MVTec AD: products that lie in any direction turn fully, those that are
/// photographed in place do not. Nothing for other names: the caller decides.
[[nodiscard]] inline std::optional<rotation> mvtec_rotation(std::string_view category) {
    using entry = std::pair<std::string_view, rotation>;
    constexpr std::array<entry, 15> table = {{{"bottle", rotation::full},
                                              {"cable", rotation::slight},
                                              {"capsule", rotation::none},
                                              {"carpet", rotation::full},
                                              {"grid", rotation::full},
                                              {"hazelnut", rotation::full},
                                              {"leather", rotation::full},
                                              {"metal_nut", rotation::none},
                                              {"pill", rotation::none},
                                              {"screw", rotation::full},
                                              {"tile", rotation::full},
                                              {"toothbrush", rotation::none},
                                              {"transistor", rotation::none},
                                              {"wood", rotation::slight},
                                              {"zipper", rotation::slight}}};
    for (const auto& [name, value] : table)
        if (name == category)
            return value;
    return std::nullopt;
}

/// Quarter turns (0 .. 3) first, then degrees, both counter-clockwise.
struct rotation_draw {
    /// 0 to 3.
    int quarters = 0;
    double degrees = 0; ///< besides
};

/// none stays; slight turns by up to 5 degrees either way; full by any quarter besides.
[[nodiscard]] inline rotation_draw draw_rotation(rotation kind, random_stream& random) {
    rotation_draw result;
    if (kind == rotation::full)
        result.quarters = static_cast<int>(random.below(4));
    if (kind != rotation::none)
        result.degrees = random.uniform(-5, 5);
    return result;
}

/// Between which opacities (beta of Eq. 1) the texture is blended in; uniform in (low, high].
struct opacity_range {
    double low = 0.15; ///< above 0
    double high = 1;   ///< up to 1
};

/// What the paper's text says.
inline constexpr opacity_range paper_opacity = {0.15, 1};
/// What the published code of DeSTSeg does.
inline constexpr opacity_range code_opacity = {0.2, 1};

/// One anomaly: each lattice axis has 2^0 .. 2^5 cells, equally likely; the noise turns by up to 90
/// degrees either way. Writes the lattice's angles, of `lattice_capacity` at most, to `angles`.
[[nodiscard]] inline anomaly_draw
draw_anomaly(opacity_range opacity, random_stream& random, float* angles) {
    anomaly_draw result;
    result.cells_down = 1 << random.below(6);
    result.cells_across = 1 << random.below(6);
    result.turn = static_cast<float>(random.uniform(-90, 90));
    result.opacity =
        static_cast<float>(opacity.high - (opacity.high - opacity.low) * random.uniform());
    const int points = (result.cells_down + 1) * (result.cells_across + 1);
    for (int i = 0; i < points; ++i)
        angles[i] = static_cast<float>(2 * std::numbers::pi * random.uniform());
    return result;
}

} // namespace pfad::data
