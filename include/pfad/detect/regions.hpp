// Where a map reaches the threshold: a mask, and what is known of each connected region of it.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/metrics/connected_components.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::detect {

/// A region of a map, 8-connected, in the map's pixels: of an inspection, the picture's own.
struct region {
    /// The upper left pixel of its box.
    int left = 0, top = 0;
    /// Of the box, pixels.
    int width = 0, height = 0;
    std::int64_t area = 0; ///< pixels that belong to it
    double peak = 0;       ///< the map's highest value in it
    double mean = 0;       ///< the map's mean over it
    friend bool operator==(const region&, const region&) = default;
};

/// Writes 1 where the map (h, w) is at or above the threshold, else 0. Throws errc::shape where the
/// extents differ.
inline void threshold_map(in<float, 2> map, double threshold, view<std::uint8_t, 2> mask) {
    expect(map.dims == mask.dims, "threshold_map", "map and mask have one shape", map.dims,
           mask.dims);
    std::transform(map.data, map.data + map.size(), mask.data, [threshold](float value) {
        return static_cast<std::uint8_t>(static_cast<double>(value) >= threshold);
    });
}

/// The regions of a mask (h, w; set where not zero) over its map, in the order of their first
/// pixel, row by row. Throws errc::shape where the extents differ.
[[nodiscard]] inline std::vector<region> find_regions(in<float, 2> map, in<std::uint8_t, 2> mask) {
    expect(map.dims == mask.dims, "find_regions", "map and mask have one shape", map.dims,
           mask.dims);
    std::vector<region> regions;
    const std::int64_t height = map.extent(0), width = map.extent(1);
    if (std::all_of(mask.data, mask.data + mask.size(), [](std::uint8_t v) { return v == 0; }))
        return regions; // most pictures are good
    std::vector<std::uint32_t> labels(static_cast<std::size_t>(mask.size()));
    std::vector<std::int64_t> sizes(1); // number 0 is the background
    metrics::component_labeller().label(mask, {labels.data(), mask.dims}, sizes);
    regions.resize(sizes.size() - 1);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            const std::uint32_t label = labels[static_cast<std::size_t>(y * width + x)];
            if (label == 0)
                continue;
            region& r = regions[label - 1];
            const int column = static_cast<int>(x), row = static_cast<int>(y);
            const double value = static_cast<double>(map.data[y * width + x]);
            if (r.area == 0)
                r = {column, row, 1, 1, 0, value, 0};
            const int right = std::max(r.left + r.width, column + 1);
            r.left = std::min(r.left, column);
            r.width = right - r.left;
            r.height = row + 1 - r.top;
            r.peak = std::max(r.peak, value);
            r.mean += value; // the sum, until the end
            ++r.area;
        }
    for (region& r : regions)
        r.mean /= static_cast<double>(r.area);
    return regions;
}

} // namespace pfad::detect
