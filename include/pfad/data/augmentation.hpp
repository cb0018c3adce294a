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
    int quarters = 0;
    double degrees = 0;
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
    double low = 0.15;
    double high = 1;
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

/// Masks (n, h, w, 1) to the size of the segmentation output (n, h', w', 1): bilinear between pixel
/// centres, not antialiased, then 1 where at least one half. For a quarter of the size that is
/// "two or more of the four pixels in the middle". Throws errc::shape unless n and 1 agree.
template <class T>
void downsample_mask(in<T, 4> mask, out<T, 4> small) {
    expect(mask.dims[0] == small.dims[0] && mask.dims[3] == 1 && small.dims[3] == 1,
           "downsample_mask", "one channel, and as many masks as before", mask.dims, small.dims);
    std::int64_t const h = mask.dims[1], w = mask.dims[2];
    expect(h > 0 && w > 0, "downsample_mask", "the masks have pixels", mask.dims);
    const double scale_y = static_cast<double>(h) / static_cast<double>(small.dims[1]);
    const double scale_x = static_cast<double>(w) / static_cast<double>(small.dims[2]);
    for (std::int64_t s = 0; s < small.dims[0]; ++s)
        for (std::int64_t i = 0; i < small.dims[1]; ++i) {
            const double y = std::max((static_cast<double>(i) + 0.5) * scale_y - 0.5, 0.0);
            std::int64_t const y0 = std::min(static_cast<std::int64_t>(y), h - 1);
            std::int64_t const y1 = std::min(y0 + 1, h - 1);
            const double fy = y - static_cast<double>(y0);
            for (std::int64_t j = 0; j < small.dims[2]; ++j) {
                const double x = std::max((static_cast<double>(j) + 0.5) * scale_x - 0.5, 0.0);
                std::int64_t const x0 = std::min(static_cast<std::int64_t>(x), w - 1);
                std::int64_t const x1 = std::min(x0 + 1, w - 1);
                const double fx = x - static_cast<double>(x0);
                const double top = (1 - fx) * mask(s, y0, x0, 0) + fx * mask(s, y0, x1, 0);
                const double bottom = (1 - fx) * mask(s, y1, x0, 0) + fx * mask(s, y1, x1, 0);
                const double value = (1 - fy) * top + fy * bottom;
                small(s, i, j, 0) = value >= 0.5 ? T(1) : T(0);
            }
        }
}

} // namespace pfad::data
