// synthesise_anomaly: the lattice's gradients and each sample's turn in a table, the noise a thread
// a pixel, then mask and blend in one kernel, as many pixels a thread as 16 bytes hold (their
// colours are three such packs). Bytes, x being n h w elements: noise 1 x out and, mostly from a
// cache, in; pictures 9 x; mask 1 x.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>
#include <pfad/ops/synthesise_anomaly.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace pfad::cuda {

namespace kernels {

/// Geometry: a grid-stride loop over the corners of all lattices.
template <class T>
__global__ void __launch_bounds__(256)
    lattice_gradients_kernel(std::int64_t n,
                             const anomaly_draw* draws,     // (n)
                             const T* angles,               // (n, lattice_capacity)
                             accumulator_t<T>* gradients) { // (n, lattice_capacity, 2)
    using A = accumulator_t<T>;
    const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
    for (std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
         at < n * lattice_capacity; at += step) {
        const anomaly_draw& d = draws[at / lattice_capacity];
        if (at % lattice_capacity >= (d.cells_down + 1) * std::int64_t(d.cells_across + 1))
            continue;
        const A angle = static_cast<A>(angles[at]);
        gradients[2 * at] = std::cos(angle);
        gradients[2 * at + 1] = std::sin(angle);
    }
}

/// Geometry: a thread a sample. The turn as cosine and sine, worked out in double.
template <class A>
__global__ void __launch_bounds__(256)
    turns_kernel(std::int64_t n, const anomaly_draw* draws, A* turns) { // (n), (n, 2)
    const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
    for (std::int64_t s = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; s < n; s += step) {
        const double turn = draws[s].turn * std::numbers::pi / 180;
        turns[2 * s] = static_cast<A>(std::cos(turn));
        turns[2 * s + 1] = static_cast<A>(std::sin(turn));
    }
}

/// Geometry: a thread a pixel, a row of threads (blockIdx.y) every gridDim.y-th row of the batch.
template <class T>
__global__ void __launch_bounds__(256)
    perlin_noise_kernel(std::int64_t n,
                        std::int64_t h,
                        std::int64_t w,
                        const anomaly_draw* draws,         // (n)
                        const accumulator_t<T>* gradients, // (n, lattice_capacity, 2)
                        T* noise) {                        // (n, h, w)
    using A = accumulator_t<T>;
    const std::int64_t j = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (j >= w)
        return;
    for (std::int64_t row = blockIdx.y; row < n * h; row += gridDim.y) {
        const std::int64_t s = row / h, i = row % h;
        const std::int64_t down = draws[s].cells_down, across = draws[s].cells_across;
        // Integers keep the place in the cell exact, whatever the size of the picture.
        const std::int64_t cell_y = i * down / h, cell_x = j * across / w;
        const A y = static_cast<A>(i * down - cell_y * h) / static_cast<A>(h);
        const A x = static_cast<A>(j * across - cell_x * w) / static_cast<A>(w);
        const A* const upper =
            gradients + 2 * (s * lattice_capacity + cell_y * (across + 1) + cell_x);
        const A* const lower = upper + 2 * (across + 1);
        noise[row * w + j] =
            static_cast<T>(perlin::value(upper, upper + 2, lower, lower + 2, y, x));
    }
}

/// Geometry: a thread V pixels of a row, a row of threads (blockIdx.y) every gridDim.y-th row of
/// the batch; V divides w. Without Blend the masks alone. corrupted may be good.
template <int V, bool Blend, class T>
__global__ void __launch_bounds__(256) anomaly_kernel(std::int64_t n,
                                                      std::int64_t h,
                                                      std::int64_t w,
                                                      const anomaly_draw* draws,     // (n)
                                                      const accumulator_t<T>* turns, // (n, 2)
                                                      const accumulator_t<T>* noise, // (n, h, w)
                                                      const T* good,                 // (n, h, w, 3)
                                                      const T* texture,              // (n, h, w, 3)
                                                      T* corrupted,                  // (n, h, w, 3)
                                                      T* mask) {                     // (n, h, w, 1)
    using A = accumulator_t<T>;
    const std::int64_t j = (std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * V;
    if (j >= w)
        return;
    for (std::int64_t row = blockIdx.y; row < n * h; row += gridDim.y) {
        const std::int64_t s = row / h;
        const view<const A, 2> field{noise + s * h * w, {h, w}};
        const A cosine = turns[2 * s], sine = turns[2 * s + 1];
        // About the centre in pixel edges; the half takes that back to pixel indices.
        const A y = static_cast<A>(row % h) + A(0.5) - static_cast<A>(h) / A(2);
        A inside[V];
#pragma unroll
        for (int k = 0; k < V; ++k) {
            const A x = static_cast<A>(j + k) + A(0.5) - static_cast<A>(w) / A(2);
            const A from_y = sine * x + cosine * y + static_cast<A>(h) / A(2) - A(0.5);
            const A from_x = cosine * x - sine * y + static_cast<A>(w) / A(2) - A(0.5);
            inside[k] = sample_or_zero(field, from_y, from_x) > A(perlin::threshold) ? A(1) : A(0);
        }
        const std::int64_t at = row * w + j;
        device::save<V>(mask + at, inside, store::set);
        if constexpr (Blend) {
            const A opacity = static_cast<A>(draws[s].opacity);
#pragma unroll
            for (int part = 0; part < 3; ++part) {
                A g[V], t[V];
                device::load<V>(good + 3 * at + part * V, g);
                device::load<V>(texture + 3 * at + part * V, t);
#pragma unroll
                for (int k = 0; k < V; ++k)
                    g[k] = blend_anomaly::value(g[k], t[k], inside[(part * V + k) / 3], opacity);
                device::save<V>(corrupted + 3 * at + part * V, g, store::set);
            }
        }
    }
}

} // namespace kernels

namespace detail {

/// Rows of threads for all rows of a batch, `pixels` a thread.
[[nodiscard]] inline launch_shape
pixel_rows(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t pixels) {
    // Whole warps, no more than a row needs.
    const std::int64_t threads =
        std::min<std::int64_t>(256, 32 * std::max<std::int64_t>(1, divide_up(w, 32 * pixels)));
    return {dim3(static_cast<unsigned>(divide_up(w, threads * pixels)),
                 static_cast<unsigned>(std::min<std::int64_t>(n * h, 65535))),
            dim3(static_cast<unsigned>(threads))};
}

/// The noise in any type; see perlin_noise_forward.
template <class T, class A>
void noise(context& ctx,
           view<const anomaly_draw, 1> draws,
           view<const T, 2> angles,
           view<A, 3> to) {
    const std::int64_t n = to.dims[0], h = to.dims[1], w = to.dims[2];
    const auto gradients =
        empty<accumulator_t<T>>(ctx, shape{n, lattice_capacity, std::int64_t(2)});
    launch(ctx, "lattice_gradients", {blocks_for(ctx, n * lattice_capacity, 256), 256},
           kernels::lattice_gradients_kernel<T>, n, draws.data, angles.data, gradients.data());
    launch(ctx, "perlin_noise_forward", pixel_rows(n, h, w, 1), kernels::perlin_noise_kernel<A>, n,
           h, w, draws.data, gradients.data(), to.data);
}

/// Masks, and pictures where there are any.
template <bool Blend, class T>
void anomalies(context& ctx,
               const char* what,
               view<const T, 4> good,
               view<const T, 4> texture,
               view<const anomaly_draw, 1> draws,
               view<const T, 2> angles,
               view<T, 4> corrupted,
               view<T, 4> mask) {
    using A = accumulator_t<T>;
    constexpr int v = device::full_pack<T>;
    const std::int64_t n = mask.dims[0], h = mask.dims[1], w = mask.dims[2];
    const auto field = empty<A>(ctx, shape{n, h, w});
    noise<T>(ctx, draws, angles, field.view());
    const auto turns = empty<A>(ctx, shape{n, std::int64_t(2)});
    launch(ctx, what, {blocks_for(ctx, n, 256), 256}, kernels::turns_kernel<A>, n, draws.data,
           turns.data());
    const auto start = [&](auto kernel, int pixels) {
        launch(ctx, what, pixel_rows(n, h, w, pixels), kernel, n, h, w, draws.data, turns.data(),
               field.data(), good.data, texture.data, corrupted.data, mask.data);
    };
    if (w % v == 0 && device::aligned<v>(good.data, texture.data, corrupted.data, mask.data))
        start(kernels::anomaly_kernel<v, Blend, T>, v);
    else
        start(kernels::anomaly_kernel<1, Blend, T>, 1);
}

} // namespace detail

/// The noise before it is turned: noise (n, h, w).
template <class T>
void perlin_noise_forward(context& ctx,
                          in<anomaly_draw, 1> draws,
                          in<T, 2> angles,
                          out<T, 3> noise) {
    detail::noise<T>(ctx, draws, angles, noise);
}

/// The masks (n, h, w, 1) of the draws: 0 or 1.
template <class T>
void perlin_mask_forward(context& ctx, in<anomaly_draw, 1> draws, in<T, 2> angles, out<T, 4> mask) {
    detail::anomalies<false, T>(ctx, "perlin_mask_forward", {}, {}, draws, angles, {}, mask);
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
    detail::anomalies<true, T>(ctx, "synthesise_anomaly_forward", good, texture, draws, angles,
                               corrupted, mask);
}

} // namespace pfad::cuda
