// synthesise_anomaly: a good picture becomes an anomalous one with a known mask.
//   noise   Perlin: gradients of unit length on a lattice, quintic fade, times sqrt 2; pixel (i, j)
//           of h x w lies at lattice coordinates (i cells_down / h, j cells_across / w)
//   mask    M = 1 where the noise, turned about the centre of the picture, exceeds 0.5, else 0
//   blend   I_a = I_n (1 - M) + (1 - beta) I_n M + beta A M          (paper Eq. 1)
// requires  good, texture, corrupted (n, h, w, 3), in [0, 1]; mask (n, h, w, 1); one draw a sample;
//           angles (n, lattice_capacity) in radians, of which sample s uses the first
//           (cells_down + 1)(cells_across + 1), row-major; cells in 1 .. max_lattice_cells
// ensures   a pure function of its arguments; corrupted may be good; outside M it is good, to the
//           bit
// gradient  none: data is not trained
// workspace n h w + 2 n lattice_capacity elements
// source    mask: DRAEM (Zavrtanik et al., ICCV 2021); Perlin, "Improving noise", SIGGRAPH 2002
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/macros.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/cast.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <type_traits>

namespace pfad {

inline constexpr int max_lattice_cells = 32; ///< along each axis
/// Corners of the largest lattice.
inline constexpr std::int64_t lattice_capacity =
    (max_lattice_cells + 1) * std::int64_t(max_lattice_cells + 1);

/// What is random about one sample besides the angles of its lattice.
struct anomaly_draw {
    int cells_down = 1;   ///< lattice cells over the height
    int cells_across = 1; ///< lattice cells over the width
    float turn = 0;       ///< degrees counter-clockwise that the noise is turned by
    float opacity = 1;    ///< beta, of the texture inside the mask
};

/// Gradient noise of one number or corner at a time.
struct perlin {
    /// 6 t^5 - 15 t^4 + 10 t^3, for t in [0, 1].
    template <class T>
    PFAD_HD static T fade(T t) {
        return t * t * t * (t * (t * T(6) - T(15)) + T(10));
    }
    /// Noise at (y, x) in a cell, from the gradients {down, across} of its four corners.
    template <class T>
    PFAD_HD static T value(const T* g00, const T* g01, const T* g10, const T* g11, T y, T x) {
        const T v00 = g00[0] * y + g00[1] * x;
        const T v01 = g01[0] * y + g01[1] * (x - T(1));
        const T v10 = g10[0] * (y - T(1)) + g10[1] * x;
        const T v11 = g11[0] * (y - T(1)) + g11[1] * (x - T(1));
        const T fx = fade(x);
        const T top = v00 + fx * (v01 - v00);
        const T bottom = v10 + fx * (v11 - v10);
        return T(std::numbers::sqrt2) * (top + fade(y) * (bottom - top));
    }
    static constexpr float threshold = 0.5f; ///< noise above this is anomalous
};

/// Equation (1) of one value.
struct blend_anomaly {
    /// `mask` is 0 or 1, `opacity` beta.
    template <class T>
    PFAD_HD static T value(T good, T texture, T mask, T opacity) {
        return good * (T(1) - mask) + (T(1) - opacity) * good * mask + opacity * texture * mask;
    }
};

/// A field (h, w) sampled bilinearly at pixel coordinates (y, x); 0 outside.
template <class T>
PFAD_HD T sample_or_zero(view<const T, 2> field, T y, T x) {
    const T top = std::floor(y);
    const T left = std::floor(x);
    const T fy = y - top;
    const T fx = x - left;
    T sum = 0;
    for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b) {
            const std::int64_t i = static_cast<std::int64_t>(top) + a;
            const std::int64_t j = static_cast<std::int64_t>(left) + b;
            if (i >= 0 && i < field.dims[0] && j >= 0 && j < field.dims[1])
                sum += (a ? fy : T(1) - fy) * (b ? fx : T(1) - fx) * field(i, j);
        }
    return sum;
}

namespace cpu {

/// The noise before it is turned: noise (n, h, w).
template <class T>
void perlin_noise_forward(context& ctx,
                          in<anomaly_draw, 1> draws,
                          in<T, 2> angles,
                          out<T, 3> noise) {
    using A = accumulator_t<T>;
    const std::int64_t n = noise.dims[0], h = noise.dims[1], w = noise.dims[2];
    const auto table = empty<A>(ctx, shape{n, lattice_capacity, std::int64_t(2)});
    const auto gradients = table.view();
    parallel_for(ctx, n * lattice_capacity, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t at = begin; at < end; ++at) {
            const anomaly_draw& d = draws(at / lattice_capacity);
            if (at % lattice_capacity >= (d.cells_down + 1) * std::int64_t(d.cells_across + 1))
                continue;
            const A angle = angles.data[at];
            gradients.data[2 * at] = std::cos(angle);
            gradients.data[2 * at + 1] = std::sin(angle);
        }
    });
    parallel_for(ctx, n * h, 8 * w, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t i = row % h;
            const anomaly_draw& d = draws(row / h);
            // Integers keep the place in the cell exact, whatever the size of the picture.
            const std::int64_t cell_y = i * d.cells_down / h;
            const A y = static_cast<A>(i * d.cells_down % h) / static_cast<A>(h);
            const A* const upper = &gradients(row / h, cell_y * (d.cells_across + 1), 0);
            const A* const lower = upper + 2 * (d.cells_across + 1);
            T* const to = noise.data + row * w;
            for (std::int64_t cell = 0; cell < d.cells_across; ++cell) {
                const std::int64_t first = (cell * w + d.cells_across - 1) / d.cells_across;
                const std::int64_t last = ((cell + 1) * w + d.cells_across - 1) / d.cells_across;
                const A* const u = upper + 2 * cell;
                const A* const l = lower + 2 * cell;
                for (std::int64_t j = first; j < last; ++j) {
                    const A x = static_cast<A>(j * d.cells_across - cell * w) / static_cast<A>(w);
                    to[j] = static_cast<T>(perlin::value(u, u + 2, l, l + 2, y, x));
                }
            }
        }
    });
}

/// The masks (n, h, w, 1) of the draws: 0 or 1.
template <class T>
void perlin_mask_forward(context& ctx, in<anomaly_draw, 1> draws, in<T, 2> angles, out<T, 4> mask) {
    using A = accumulator_t<T>;
    const std::int64_t n = mask.dims[0], h = mask.dims[1], w = mask.dims[2];
    const auto noise = empty<A>(ctx, shape{n, h, w});
    if constexpr (std::is_same_v<T, A>) {
        perlin_noise_forward(ctx, draws, angles, noise.view());
    } else {
        const auto exact = empty<A>(ctx, angles.dims);
        cast_forward<T>(ctx, angles.flat(), exact.flat().view());
        perlin_noise_forward(ctx, draws, exact, noise.view());
    }
    parallel_for(ctx, n * h, 8 * w, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const view<const A, 2> field{noise.data() + row / h * h * w, {h, w}};
            const double turn = draws(row / h).turn * std::numbers::pi / 180;
            const A c = static_cast<A>(std::cos(turn));
            const A s = static_cast<A>(std::sin(turn));
            // About the centre in pixel edges; the half takes that back to pixel indices.
            const A y = static_cast<A>(row % h) + A(0.5) - static_cast<A>(h) / A(2);
            for (std::int64_t j = 0; j < w; ++j) {
                const A x = static_cast<A>(j) + A(0.5) - static_cast<A>(w) / A(2);
                const A from_y = s * x + c * y + static_cast<A>(h) / A(2) - A(0.5);
                const A from_x = c * x - s * y + static_cast<A>(w) / A(2) - A(0.5);
                const A value = sample_or_zero(field, from_y, from_x);
                mask.data[row * w + j] = static_cast<T>(value > A(perlin::threshold) ? A(1) : A(0));
            }
        }
    });
}

/// Eq. 1 with the opacity of each sample's draw.
template <class T>
void blend_anomaly_forward(context& ctx,
                           in<T, 4> good,
                           in<T, 4> texture,
                           in<T, 4> mask,
                           in<anomaly_draw, 1> draws,
                           out<T, 4> corrupted) {
    using A = accumulator_t<T>;
    const std::int64_t pixels = mask.dims[1] * mask.dims[2];
    parallel_for(ctx, mask.size(), 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const A opacity = static_cast<A>(draws(i / pixels).opacity);
            for (std::int64_t at = 3 * i; at < 3 * i + 3; ++at)
                corrupted.data[at] = static_cast<T>(blend_anomaly::value(
                    static_cast<A>(good.data[at]), static_cast<A>(texture.data[at]),
                    static_cast<A>(mask.data[i]), opacity));
        }
    });
}

/// Mask and blend in one call.
template <class T>
void synthesise_anomaly_forward(context& ctx,
                                in<T, 4> good,
                                in<T, 4> texture,
                                in<anomaly_draw, 1> draws,
                                in<T, 2> angles,
                                out<T, 4> corrupted,
                                out<T, 4> mask) {
    perlin_mask_forward(ctx, draws, angles, mask);
    blend_anomaly_forward(ctx, good, texture, mask, draws, corrupted);
}

} // namespace cpu

/// What synthesise_anomaly makes of a batch.
template <class T, class S>
struct synthesised_anomaly {
    tensor<T, 4, S> corrupted; ///< (n, h, w, 3)
    tensor<T, 4, S> mask;      ///< (n, h, w, 1), 0 or 1
};

/// Checks the extents (errc::shape), allocates and runs. What the draws hold is the caller's to
/// check: they may live on another device.
template <any_context C, class T, class S>
[[nodiscard]] synthesised_anomaly<T, S> synthesise_anomaly(C& ctx,
                                                           const tensor<T, 4, S>& good,
                                                           const tensor<T, 4, S>& texture,
                                                           const tensor<anomaly_draw, 1, S>& draws,
                                                           const tensor<T, 2, S>& angles) {
    const auto& dims = good.dims();
    expect(dims == texture.dims() && dims[3] == 3, "synthesise_anomaly",
           "picture and texture have one size and three channels", dims, texture.dims());
    expect(angles.dims() == shape{dims[0], lattice_capacity} && draws.extent(0) == dims[0],
           "synthesise_anomaly", "there are a draw and a lattice for each picture", dims,
           angles.dims(), draws.dims());
    synthesised_anomaly<T, S> result{
        empty<T>(ctx, dims), empty<T>(ctx, shape{dims[0], dims[1], dims[2], std::int64_t(1)})};
    synthesise_anomaly_forward(ctx, good.view(), texture.view(), draws.view(), angles.view(),
                               result.corrupted.view(), result.mask.view());
    return result;
}

} // namespace pfad
