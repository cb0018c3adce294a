// The small matrices of Winograd's minimal filtering F(4x4, 3x3) and their products, sixteen channels
// at a time.
#pragma once

#include <pfad/core/bf16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace pfad::onednn::winograd {

/// Results and taps a side of a tile, and the points at which their polynomials are multiplied.
inline constexpr int tile = 4, taps = 3, points = tile + taps - 1;
/// Products a channel and tile: pairs of points.
inline constexpr int frequencies = points * points;

/// A small matrix, row by row.
template <std::size_t Rows, std::size_t Columns>
using matrix = std::array<std::array<float, Columns>, Rows>;

/// Rows become columns.
template <std::size_t Rows, std::size_t Columns>
constexpr matrix<Columns, Rows> transpose(const matrix<Rows, Columns>& m) {
    matrix<Columns, Rows> result = {};
    for (std::size_t i = 0; i < Rows; ++i)
        for (std::size_t j = 0; j < Columns; ++j)
            result[j][i] = m[i][j];
    return result;
}

/// y = AT ((G g) . (BT d)) are four results of a filter g of three taps over six inputs d.
struct transforms {
    matrix<points, points> bt = {}; ///< of the inputs
    matrix<points, taps> g = {};    ///< of the filter
    matrix<tile, points> at = {};   ///< of the products
};

/// Cook and Toom's algorithm: polynomials are multiplied by their values at five points and infinity
/// and found again by Lagrange's interpolation, whose divisors go into G. Of the points 0, +-a, +-b
/// these have the smallest error in float: twice that of a direct convolution, a quarter of that of
/// the usual 0, +-1, +-2. Being multiples of 1/4 they leave BT and AT exact.
constexpr transforms make_transforms() {
    constexpr std::size_t last = points - 1;
    constexpr double x[last] = {0, 0.75, -0.75, 1.5, -1.5};
    transforms result;
    // The coefficients of the product of (X - x[k]) over all k but `left_out`.
    const auto product = [&](std::size_t left_out) {
        std::array<double, points> p = {1};
        for (std::size_t k = 0; k < last; ++k)
            if (k != left_out)
                for (std::size_t i = points; i-- > 0;)
                    p[i] = (i > 0 ? p[i - 1] : 0) - x[k] * p[i];
        return p;
    };
    for (std::size_t j = 0; j < points; ++j) {
        const auto p = product(j);
        for (std::size_t i = 0; i < points; ++i)
            result.bt[j][i] = static_cast<float>(p[i]);
    }
    for (std::size_t j = 0; j < last; ++j) {
        double divisor = 1, power = 1;
        for (std::size_t k = 0; k < last; ++k)
            divisor *= k == j ? 1 : x[j] - x[k];
        for (std::size_t i = 0; i < tile; ++i, power *= x[j]) {
            result.at[i][j] = static_cast<float>(power);
            if (i < taps)
                result.g[j][i] = static_cast<float>(power / divisor);
        }
    }
    result.g[last][taps - 1] = 1;
    result.at[tile - 1][last] = 1;
    return result;
}

inline constexpr auto input_transform = make_transforms().bt;  ///< of a tile of the input: 6x6
inline constexpr auto kernel_transform = make_transforms().g;  ///< of a kernel: 6x3
inline constexpr auto output_transform = make_transforms().at; ///< of the products: 4x6
/// Of a tile of the results' gradient: 6x4.
inline constexpr auto output_gradient_transform = transpose(output_transform);
/// Of the products' sums, for a kernel's gradient: 3x6.
inline constexpr auto kernel_gradient_transform = transpose(kernel_transform);

/// Channels that are transformed together: a line of the cache in float.
inline constexpr std::int64_t lanes = 16;
/// One value of each of these channels.
using vector [[gnu::vector_size(lanes * sizeof(float))]] = float;

/// From memory of any alignment.
inline void load(vector& v, const float* from) {
    std::memcpy(&v, from, sizeof v);
}
/// From memory of any alignment, exact.
inline void load(vector& v, const bf16* from) {
    for (int l = 0; l < lanes; ++l)
        v[l] = static_cast<float>(from[l]);
}
/// To memory of any alignment.
inline void save(const vector& v, float* to) {
    std::memcpy(to, &v, sizeof v);
}
/// To memory of any alignment, rounded.
inline void save(const vector& v, bf16* to) {
    for (int l = 0; l < lanes; ++l)
        to[l] = static_cast<bf16>(v[l]);
}

/// A square of vectors, for instance a tile.
template <std::size_t Size>
using square = std::array<std::array<vector, Size>, Size>;

/// Calls f.operator()<0>() to f.operator()<Count - 1>(): every index is a constant.
template <std::size_t Count, class F>
[[gnu::always_inline]] inline void unrolled(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
        (f.template operator()<I>(), ...);
    }
    (std::make_index_sequence<Count>());
}

/// y = M x for vectors x; zeros of M cost nothing.
template <const auto& M>
[[gnu::always_inline]] inline void multiply(const std::array<vector, M[0].size()>& x,
                                            std::array<vector, M.size()>& y) {
    unrolled<M.size()>([&]<std::size_t I>() __attribute__((always_inline)) {
        vector sum = {};
        unrolled<M[0].size()>([&]<std::size_t J>() __attribute__((always_inline)) {
            if constexpr (M[I][J] != 0)
                sum += M[I][J] * x[J];
        });
        y[I] = sum;
    });
}

/// M x M'.
template <const auto& M>
[[gnu::always_inline]] inline void transform(const square<M[0].size()>& x,
                                             square<M.size()>& result) {
    constexpr std::size_t rows = M.size(), columns = M[0].size();
    std::array<std::array<vector, columns>, rows> half;
    for (std::size_t j = 0; j < columns; ++j) {
        std::array<vector, columns> column;
        std::array<vector, rows> product;
        for (std::size_t i = 0; i < columns; ++i)
            column[i] = x[i][j];
        multiply<M>(column, product);
        for (std::size_t i = 0; i < rows; ++i)
            half[i][j] = product[i];
    }
    for (std::size_t i = 0; i < rows; ++i)
        multiply<M>(half[i], result[i]);
}

} // namespace pfad::onednn::winograd
