// Non-owning dense arrays: what every backend function takes.
#pragma once

#include <pfad/core/macros.hpp>
#include <pfad/core/shape.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace pfad {

/// A pointer and extents; dense and row-major, the last axis contiguous. Copying it copies no
/// element.
template <class T, int R>
struct view {
    T* data = nullptr;  ///< the first element
    shape<R> dims = {}; ///< extents

    /// Number of elements.
    [[nodiscard]] PFAD_HD std::int64_t size() const { return dims.size(); }
    /// Extent of one axis.
    [[nodiscard]] PFAD_HD std::int64_t extent(int axis) const { return dims[axis]; }

    /// The element at an index, one number per axis. Not checked.
    template <class... I>
    requires(sizeof...(I) == R) PFAD_HD T& operator()(I... index) const {
        const std::int64_t at[R] = {static_cast<std::int64_t>(index)...};
        std::int64_t offset = 0;
        for (int axis = 0; axis < R; ++axis)
            offset = offset * dims[axis] + at[axis];
        return data[offset];
    }

    /// The same elements as one row.
    [[nodiscard]] PFAD_HD view<T, 1> flat() const { return {data, {size()}}; }

    // A template, so that a view of const elements has no conversion to itself.
    /// What may be written may be read.
    template <std::same_as<T> U>
    requires(!std::is_const_v<U>) PFAD_HD operator view<const U, R>() const { return {data, dims}; }
};

/// Input and output parameters of backend functions. `in` never takes part in deduction, so tensors
/// convert to it; `out` deduces T and R.
template <class T, int R>
using in = std::type_identity_t<view<const T, R>>;
/// The same for what is written; may be deduced.
template <class T, int R>
using out = view<T, R>;

} // namespace pfad
