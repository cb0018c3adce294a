// What is drawn at random about a training sample, and the masks that training needs: plain numbers
// from a stream of draws. The work itself is in rotate.hpp, ops/jitter_image.hpp and
// ops/synthesise_anomaly.hpp.
#pragma once

#include <pfad/core/philox.hpp>
#include <pfad/ops/jitter_image.hpp>
#include <pfad/ops/synthesise_anomaly.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

namespace pfad::data {

/// How good pictures are turned before anything else: not at all, by up to 5 degrees, or by a
/// multiple of 90 degrees and then by up to 5.
enum class rotation { none, slight, full };

/// Its name on command lines and in files.
[[nodiscard]] constexpr std::string_view name_of(rotation kind) {
    return kind == rotation::none ? "none" : kind == rotation::slight ? "slight" : "full";
}

/// What suits a category of MVTec AD: products that lie in any direction turn fully, those that are
/// photographed in place do not. None for other names.
[[nodiscard]] inline rotation mvtec_rotation(std::string_view category) {
    constexpr std::array<std::string_view, 7> full = {"bottle",  "carpet", "grid", "hazelnut",
                                                      "leather", "screw",  "tile"};
    constexpr std::array<std::string_view, 3> slight = {"cable", "wood", "zipper"};
    const auto among = [&](const auto& names) {
        return std::find(names.begin(), names.end(), category) != names.end();
    };
    return among(full) ? rotation::full : among(slight) ? rotation::slight : rotation::none;
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

/// How the light and the place of good pictures vary: not at all, by what one station sees over a shift, or
/// by what lies between stations.
enum class jitter { none, slight, strong };
/// Their names in files and on command lines.
inline constexpr std::string_view jitter_names[] = {"none", "slight", "strong"};

/// Brightness and contrast by up to 10 or 25 per cent either way, each equally likely up as down; moved and
/// zoomed by up to 2 or 5 per cent of the size. Nothing is drawn for none.
[[nodiscard]] inline jitter_draw draw_jitter(jitter kind, random_stream& random) {
    jitter_draw result;
    if (kind == jitter::none)
        return result;
    const double light = kind == jitter::slight ? 0.1 : 0.25;
    const double place = kind == jitter::slight ? 0.02 : 0.05;
    const auto factor = [&](double most) {
        const double by = std::log1p(most);
        return static_cast<float>(std::exp(random.uniform(-by, by)));
    };
    result.brightness = factor(light);
    result.contrast = factor(light);
    result.down = static_cast<float>(random.uniform(-place, place));
    result.across = static_cast<float>(random.uniform(-place, place));
    result.zoom = factor(place);
    return result;
}

/// Between which opacities (beta of Eq. 1) the texture is blended in; uniform in (low, high]. The defaults
/// are what the paper's text says.
struct opacity_range {
    double low = 0.15; ///< above 0
    double high = 1;   ///< up to 1
};

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
