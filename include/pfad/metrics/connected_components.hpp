// Connected regions of a binary mask, 8-connected: the "instances" of the instance metrics and the
// "regions" of AUPRO.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::metrics {

/// Finds the regions of one mask after another; keeps its memory between calls.
class component_labeller {
public:
    /// Writes 0 where `mask` (h, w) is zero, else the number of the pixel's region, into `labels`
    /// (h, w). Regions are numbered from `sizes.size()` on in the order of their first pixel, row
    /// by row; the pixel count of each is appended to `sizes`, which holds at least one entry
    /// because number 0 is taken. Throws errc::shape where the extents differ.
    void label(in<std::uint8_t, 2> mask,
               view<std::uint32_t, 2> labels,
               std::vector<std::int64_t>& sizes);

private:
    [[nodiscard]] std::uint32_t root(std::uint32_t at) {
        while (parent_[at] != at) {
            parent_[at] = parent_[parent_[at]];
            at = parent_[at];
        }
        return at;
    }
    // The smaller number wins, so a root is always its region's first provisional label.
    std::uint32_t join(std::uint32_t a, std::uint32_t b) {
        a = root(a);
        b = root(b);
        return parent_[std::max(a, b)] = std::min(a, b);
    }
    std::uint32_t join_neighbours(const std::uint32_t* above,
                                  const std::uint32_t* row,
                                  std::int64_t x,
                                  std::int64_t width);

    std::vector<std::uint32_t> parent_;
    std::vector<std::uint32_t> final_;
};

// The label of the pixel at x of `row`, from its neighbours to the left and above (null in the
// first row); a new one where none of them is set.
inline std::uint32_t component_labeller::join_neighbours(const std::uint32_t* above,
                                                         const std::uint32_t* row,
                                                         std::int64_t x,
                                                         std::int64_t width) {
    // The pixel straight above touches all other neighbours: they are in its region already.
    if (above && above[x])
        return above[x];
    std::uint32_t label = x > 0 ? row[x - 1] : 0;
    if (!label && above && x > 0)
        label = above[x - 1];
    const std::uint32_t right = above && x + 1 < width ? above[x + 1] : 0;
    if (right)
        return label ? join(label, right) : right;
    if (!label) {
        label = static_cast<std::uint32_t>(parent_.size());
        parent_.push_back(label);
    }
    return label;
}

inline void component_labeller::label(in<std::uint8_t, 2> mask,
                                      view<std::uint32_t, 2> labels,
                                      std::vector<std::int64_t>& sizes) {
    expect(mask.dims == labels.dims, "connected components", "mask and labels have one shape",
           mask.dims, labels.dims);
    expect(!sizes.empty(), "connected components", "sizes has an entry for the background");
    const std::int64_t height = mask.extent(0), width = mask.extent(1);
    parent_.assign(1, 0);
    for (std::int64_t y = 0; y < height; ++y) {
        std::uint32_t* const row = labels.data + y * width;
        const std::uint32_t* const above = y > 0 ? row - width : nullptr;
        for (std::int64_t x = 0; x < width; ++x)
            row[x] = mask.data[y * width + x] ? join_neighbours(above, row, x, width) : 0;
    }
    if (parent_.size() == 1)
        return;
    // A parent has a smaller number than its child, so one pass in order settles every label.
    final_.assign(parent_.size(), 0);
    for (std::uint32_t i = 1; i < parent_.size(); ++i) {
        if (parent_[i] == i) {
            final_[i] = static_cast<std::uint32_t>(sizes.size());
            sizes.push_back(0);
        } else {
            final_[i] = final_[parent_[i]];
        }
    }
    for (std::int64_t i = 0; i < labels.size(); ++i)
        if (labels.data[i]) {
            labels.data[i] = final_[labels.data[i]];
            ++sizes[labels.data[i]];
        }
}

} // namespace pfad::metrics
