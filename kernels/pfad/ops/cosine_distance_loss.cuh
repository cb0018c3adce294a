// cosine_distance_loss: a warp a pixel, 16 bytes a lane; norms and inner product in one read. The
// gradient keeps both vectors in registers between the products and their use, up to 1024 channels
// (512 in double); longer ones are read twice, the second time from a cache. The sum over pixels is
// in double (see device/sum.cuh). Bytes: forward 2 x, backward 3 x (4 x when adding).
#pragma once

#include <pfad/device/row.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/cosine_distance_loss.hpp>

namespace pfad::cuda {

namespace device {

/// a x - b y to up to N elements of a row of c from to + i on, none beyond its end; see load_row.
template <int N, class T, class A>
__device__ __forceinline__ void save_gradient(T* to,
                                              std::int64_t i,
                                              std::int64_t c,
                                              bool wide,
                                              A a,
                                              const A (&x)[N],
                                              A b,
                                              const A (&y)[N],
                                              store how) {
    A g[N];
#pragma unroll
    for (int k = 0; k < N; ++k)
        g[k] = a * x[k] - b * y[k];
    if (wide && i < c) {
        save<N>(to + i, g, how);
    } else {
#pragma unroll
        for (int k = 0; k < N; ++k)
            if (i + k < c) {
                const A one[1] = {g[k]};
                save<1>(to + i + k, one, how);
            }
    }
}

} // namespace device

namespace kernels {

struct cosine_distance_tag;

/// Inner products of two vectors of which each lane of a warp adds its share; every lane gets them.
template <class A>
struct warp_products {
    A tt = 0, ss = 0, ts = 0;

    template <int N>
    __device__ __forceinline__ void add(const A (&t)[N], const A (&s)[N]) {
#pragma unroll
        for (int k = 0; k < N; ++k) {
            tt += t[k] * t[k];
            ss += s[k] * s[k];
            ts += t[k] * s[k];
        }
    }
    __device__ __forceinline__ void meet() {
        for (int distance = 16; distance > 0; distance /= 2) {
            tt += __shfl_xor_sync(0xffffffffu, tt, distance);
            ss += __shfl_xor_sync(0xffffffffu, ss, distance);
            ts += __shfl_xor_sync(0xffffffffu, ts, distance);
        }
    }
};

/// Geometry: 8 warps a block, a grid-stride loop over pixels; the grid is a function of their
/// number. partial (blocks): the summed distances.
template <int V, class T>
__global__ void __launch_bounds__(256) cosine_distance_kernel(std::int64_t pixels,
                                                              std::int64_t c,
                                                              bool wide,
                                                              const T* t, // (pixels, c)
                                                              const T* s, // (pixels, c)
                                                              double* partial) {
    using A = accumulator_t<T>;
    const int lane = static_cast<int>(threadIdx.x % 32);
    const std::int64_t warps = std::int64_t(gridDim.x) * 8;
    double sum[1] = {};
    for (std::int64_t p = std::int64_t(blockIdx.x) * 8 + threadIdx.x / 32; p < pixels; p += warps) {
        warp_products<A> d;
#pragma unroll 4
        for (std::int64_t i = lane * V; i < c; i += 32 * V) {
            A u[V], v[V];
            device::load_row<V>(t + p * c, i, c, wide, u);
            device::load_row<V>(s + p * c, i, c, wide, v);
            d.add(u, v);
        }
        d.meet();
        const A norms = (std::sqrt(d.tt) + A(1e-12)) * (std::sqrt(d.ss) + A(1e-12));
        if (lane == 0)
            sum[0] += 1 - static_cast<double>(d.ts / norms);
    }
    device::block_sum<1, 8, cosine_distance_tag>(sum);
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum[0];
}

/// Geometry: 8 warps a block, a grid-stride loop over pixels. A lane keeps R packs of V elements of
/// each vector, c <= 32 R V; none, R = 0: c is whatever.
template <int V, int R, class T>
__global__ void __launch_bounds__(256)
    cosine_distance_gradient_kernel(std::int64_t pixels,
                                    std::int64_t map,
                                    std::int64_t c,
                                    bool wide,
                                    const T* t,                    // (pixels, c)
                                    const T* s,                    // (pixels, c)
                                    const accumulator_t<T>* gloss, // (1)
                                    T* gs,                         // (pixels, c)
                                    store how) {
    using A = accumulator_t<T>;
    const int lane = static_cast<int>(threadIdx.x % 32);
    const std::int64_t warps = std::int64_t(gridDim.x) * 8;
    const A factor = -*gloss / static_cast<A>(map);
    for (std::int64_t p = std::int64_t(blockIdx.x) * 8 + threadIdx.x / 32; p < pixels; p += warps) {
        const T* const tp = t + p * c;
        const T* const sp = s + p * c;
        T* const to = gs + p * c;
        A u[R > 0 ? R : 1][V], v[R > 0 ? R : 1][V];
        warp_products<A> d;
        if constexpr (R > 0) {
#pragma unroll
            for (int r = 0; r < R; ++r) {
                device::load_row<V>(tp, (r * 32 + lane) * V, c, wide, u[r]);
                device::load_row<V>(sp, (r * 32 + lane) * V, c, wide, v[r]);
            }
#pragma unroll
            for (int r = 0; r < R; ++r)
                d.add(u[r], v[r]);
        } else {
            for (std::int64_t i = lane * V; i < c; i += 32 * V) {
                device::load_row<V>(tp, i, c, wide, u[0]);
                device::load_row<V>(sp, i, c, wide, v[0]);
                d.add(u[0], v[0]);
            }
        }
        d.meet();
        const A norm = std::sqrt(d.ss), t_norm = std::sqrt(d.tt) + A(1e-12);
        const A a = norm > A(0) ? factor / (t_norm * (norm + A(1e-12))) : A(0);
        const A b = norm > A(0) ? a * d.ts / (norm * (norm + A(1e-12))) : A(0);
        if constexpr (R > 0) {
#pragma unroll
            for (int r = 0; r < R; ++r)
                device::save_gradient<V>(to, (r * 32 + lane) * V, c, wide, a, u[r], b, v[r], how);
        } else {
            for (std::int64_t i = lane * V; i < c; i += 32 * V) {
                device::load_row<V>(tp, i, c, wide, u[0]);
                device::load_row<V>(sp, i, c, wide, v[0]);
                device::save_gradient<V>(to, i, c, wide, a, u[0], b, v[0], how);
            }
        }
    }
}

} // namespace kernels

template <class T>
void cosine_distance_loss_forward(context& ctx,
                                  in<T, 4> t,
                                  in<T, 4> s,
                                  out<accumulator_t<T>, 1> loss) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = t.extent(3), pixels = t.size() / c;
    const unsigned blocks = sum_blocks(divide_up(pixels, 8));
    const auto partial = empty<double>(ctx, shape<1>{{blocks}});
    launch(ctx, "cosine_distance_loss_forward", {blocks, 256},
           kernels::cosine_distance_kernel<n, T>, pixels, c,
           c % n == 0 && device::aligned<n>(t.data, s.data), t.data, s.data, partial.data());
    join_sums<1>(ctx, "cosine_distance_loss_forward", blocks, partial.data(),
                 kernels::mean_result<1, accumulator_t<T>>{loss.data, t.extent(1) * t.extent(2)});
}

/// The gradient with respect to s; the loss is symmetric, so swap the maps for the other one.
template <class T>
void cosine_distance_loss_backward(
    context& ctx, in<T, 4> t, in<T, 4> s, in<accumulator_t<T>, 1> gloss, out<T, 4> gs, store how) {
    constexpr int n = device::full_pack<T>;
    // Elements of a vector that a lane keeps, for few channels and for many.
    constexpr int few = 8, many = sizeof(accumulator_t<T>) == 8 ? 16 : 32;
    const std::int64_t c = s.extent(3), pixels = s.size() / c;
    const bool wide = c % n == 0 && device::aligned<n>(t.data, s.data, gs.data);
    const auto start = [&](auto kernel) {
        launch(ctx, "cosine_distance_loss_backward",
               {blocks_for(ctx, divide_up(pixels, 8) * 256, 256), 256}, kernel, pixels,
               s.extent(1) * s.extent(2), c, wide, t.data, s.data, gloss.data, gs.data, how);
    };
    if (c <= 32 * few)
        start(kernels::cosine_distance_gradient_kernel<n, few / n, T>);
    else if (c <= 32 * many)
        start(kernels::cosine_distance_gradient_kernel<n, many / n, T>);
    else
        start(kernels::cosine_distance_gradient_kernel<n, 0, T>);
}

} // namespace pfad::cuda
