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
        weights.resize(starts.size());
        for (std::size_t i = 0; i < starts.size(); ++i)
            for (int x = starts[i]; x < starts[i] + side; ++x)
                weights[i].push_back(static_cast<float>(height(i, x) / all_heights(i, x)));
    }

private:
    // Of a tile's tent over a pixel of the axis: the distance to the nearer edge.
    [[nodiscard]] double height(std::size_t tile, int x) const {
        const int from_start = x - starts[tile];
        return from_start < 0 || from_start >= side
                   ? 0
                   : std::min(from_start, side - 1 - from_start) + 0.5;
    }
    // Where a picture is little longer than two tiles, three of them overlap.
    [[nodiscard]] double all_heights(std::size_t tile, int x) const {
        double sum = 0;
        for (std::size_t i = tile < 2 ? 0 : tile - 2; i < std::min(tile + 3, starts.size()); ++i)
            sum += height(i, x);
        return sum;
    }
};

} // namespace pfad::detect
