// How a side of a large picture is cut into overlapping tiles, and how they are blended.
#pragma once

#include <pfad/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::detect {

/// Tiles along one axis: as few as overlap by a quarter of their side or more, spread evenly; one
/// as long as the axis where it is no longer than a tile. Each pixel's weights sum to 1; a tile's
/// fall linearly over the overlap.
struct tile_axis {
    int side = 0;                            ///< pixels of every tile
    std::vector<int> starts;                 ///< the first pixel of each
    std::vector<std::vector<float>> weights; ///< of each tile's `side` pixels

    /// Throws errc::value unless both are positive.
    tile_axis(int length, int longest) : side(std::min(length, longest)) {
        expect(length > 0 && longest > 0, "tiles", "picture and tile have pixels");
        const std::int64_t free = length - side, step = side - side / 4;
        const std::int64_t count = 1 + (free + step - 1) / step;
        for (std::int64_t i = 0; i < count; ++i)
            starts.push_back(count == 1 ? 0 : static_cast<int>(free * i / (count - 1)));
        // A tile's tent over its pixels: the distance to the nearer edge.
        const auto height = [this](int x) { return std::min(x, side - 1 - x) + 0.5; };
        std::vector<double> sums(static_cast<std::size_t>(length));
        for (const int start : starts)
            for (int x = 0; x < side; ++x)
                sums[static_cast<std::size_t>(start + x)] += height(x);
        for (const int start : starts) {
            auto& own = weights.emplace_back();
            for (int x = 0; x < side; ++x)
                own.push_back(
                    static_cast<float>(height(x) / sums[static_cast<std::size_t>(start + x)]));
        }
    }
};

} // namespace pfad::detect
