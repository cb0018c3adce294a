// Run-time extents of compile-time rank.
#pragma once

#include <pfad/core/macros.hpp>

#include <cstdint>
#include <string>

namespace pfad {

/// The extents of a dense, row-major array of rank R. An image batch is {n, h, w, c}.
template <int R>
struct shape {
    std::int64_t extent[R]; ///< from the slowest axis to the fastest

    /// Extent of an axis, from 0.
    PFAD_HD constexpr std::int64_t operator[](int axis) const { return extent[axis]; }

    /// Number of elements.
    PFAD_HD constexpr std::int64_t size() const {
        std::int64_t count = 1;
        for (int axis = 0; axis < R; ++axis)
            count *= extent[axis];
        return count;
    }

    friend constexpr bool operator==(const shape&, const shape&) = default;
};

/// Rank by the number of extents.
template <class... I>
shape(I...) -> shape<sizeof...(I)>;

/// "(2, 8, 9, 7)", for messages.
template <int R>
std::string to_string(const shape<R>& dims) {
    std::string text = "(";
    for (int axis = 0; axis < R; ++axis) {
        if (axis > 0)
            text += ", ";
        text += std::to_string(dims[axis]);
    }
    text += ")";
    return text;
}

} // namespace pfad
