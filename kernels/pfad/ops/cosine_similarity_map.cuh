// cosine_similarity_map: a warp a pixel, 16 bytes a lane where the channels allow; a pixel is read
// again from the cache once its norms are known. Bytes, a level: forward 3 x, backward 4 x (5 x
// when adding); where the level is resized, 1 x more and those of resize_bilinear instead of y.
#pragma once

#include <pfad/device/row.cuh>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/resize_bilinear.cuh>

#include <cmath>

namespace pfad::cuda {

namespace kernels {

/// The sums of squares of two vectors of c elements, over a warp.
template <int N, class T>
__device__ __forceinline__ void
cosine_squares(const T* t, const T* s, std::int64_t c, accumulator_t<T>& tt, accumulator_t<T>& ss) {
    for (std::int64_t i = std::int64_t(threadIdx.x) * N; i < c; i += 32 * N) {
        accumulator_t<T> a[N], b[N];
        device::load<N>(t + i, a);
        device::load<N>(s + i, b);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            tt += a[k] * a[k];
            ss += b[k] * b[k];
        }
    }
    tt = device::warp_sum(tt);
    ss = device::warp_sum(ss);
}

/// Geometry: 32 x 8 threads, a warp (threadIdx.y) a pixel, in strides of the grid.
template <int N, class T>
__global__ void __launch_bounds__(256) cosine_value_kernel(std::int64_t pixels,
                                                           std::int64_t c,
                                                           const T* t, // (pixels, c)
                                                           const T* s, // (pixels, c)
                                                           channel_slice<T> y) {
    using A = accumulator_t<T>;
    const A e = static_cast<A>(cosine_epsilon);
    const std::int64_t first = std::int64_t(threadIdx.x) * N;
    for (std::int64_t pixel = std::int64_t(blockIdx.x) * 8 + threadIdx.y; pixel < pixels;
         pixel += std::int64_t(gridDim.x) * 8) {
        A aa = 0, bb = 0;
        cosine_squares<N>(t + pixel * c, s + pixel * c, c, aa, bb);
        // One factor for each, as the product of both may overflow.
        const A scale_a = A(1) / (std::sqrt(aa) + e);
        const A scale_b = A(1) / (std::sqrt(bb) + e);
#pragma unroll 1 // one or two rounds; more at once would split the stores
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A a[N], b[N];
            device::load<N>(t + pixel * c + i, a);
            device::load<N>(s + pixel * c + i, b);
#pragma unroll
            for (int k = 0; k < N; ++k)
                a[k] = (a[k] * scale_a) * (b[k] * scale_b);
            device::save<N>(y.data + pixel * y.stride + i, a, store::set);
        }
    }
}

/// Geometry: as cosine_value_kernel.
template <int N, class T>
__global__ void __launch_bounds__(256) cosine_gradient_kernel(std::int64_t pixels,
                                                              std::int64_t c,
                                                              const T* t, // (pixels, c)
                                                              const T* s, // (pixels, c)
                                                              channel_slice<const T> gp,
                                                              T* gs, // (pixels, c)
                                                              store how) {
    using A = accumulator_t<T>;
    const A e = static_cast<A>(cosine_epsilon);
    const std::int64_t first = std::int64_t(threadIdx.x) * N;
    for (std::int64_t pixel = std::int64_t(blockIdx.x) * 8 + threadIdx.y; pixel < pixels;
         pixel += std::int64_t(gridDim.x) * 8) {
        A aa = 0, bb = 0;
        cosine_squares<N>(t + pixel * c, s + pixel * c, c, aa, bb);
        const A scale_a = A(1) / (std::sqrt(aa) + e);
        const A norm = std::sqrt(bb);
        const A scale_b = norm > A(0) ? A(1) / (norm + e) : A(0);
        A ub = 0;
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A a[N], b[N], g[N];
            device::load<N>(t + pixel * c + i, a);
            device::load<N>(s + pixel * c + i, b);
            device::load<N>(gp.data + pixel * gp.stride + i, g);
#pragma unroll
            for (int k = 0; k < N; ++k)
                ub += g[k] * (a[k] * scale_a) * b[k];
        }
        // (u . s) / (|s| (|s|+e)^2) by small steps: the square of a tiny norm is zero in float.
        ub = device::warp_sum(ub);
        const A along = norm > A(0) ? ub * scale_b / norm * scale_b : A(0);
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A a[N], b[N], g[N];
            device::load<N>(t + pixel * c + i, a);
            device::load<N>(s + pixel * c + i, b);
            device::load<N>(gp.data + pixel * gp.stride + i, g);
#pragma unroll
            for (int k = 0; k < N; ++k)
                g[k] = g[k] * (a[k] * scale_a) * scale_b - b[k] * along;
            device::save<N>(gs + pixel * c + i, g, how);
        }
    }
}

} // namespace kernels

/// The product of the normalised features, into a slice of the channels of a wider image.
template <class T>
void normalised_product(context& ctx, in<T, 4> t, in<T, 4> s, channel_slice<T> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = t.extent(3), pixels = t.size() / std::max<std::int64_t>(c, 1);
    const bool wide = c % n == 0 && y.stride % n == 0 && device::aligned<n>(t.data, s.data, y.data);
    launch(ctx, "cosine_similarity_map_forward", {blocks_for(ctx, pixels * 32, 256), dim3(32, 8)},
           wide ? kernels::cosine_value_kernel<n, T> : kernels::cosine_value_kernel<1, T>, pixels,
           c, t.data, s.data, y);
}

template <class T>
void cosine_similarity_map_forward(
    context& ctx, in<T, 4> t, in<T, 4> s, out<T, 4> y, std::int64_t offset) {
    const channel_slice<T> slice = {y.data + offset, y.extent(3)};
    if (t.extent(1) == y.extent(1) && t.extent(2) == y.extent(2)) {
        normalised_product<T>(ctx, t, s, slice);
        return;
    }
    const auto product = empty<T>(ctx, t.dims);
    normalised_product<T>(ctx, t, s, {product.data(), t.extent(3)});
    resize_into<T>(ctx, product, slice, y.extent(1), y.extent(2));
}

template <class T>
void cosine_similarity_map_backward(context& ctx,
                                    in<T, 4> t,
                                    in<T, 4> s,
                                    in<T, 4> gy,
                                    out<T, 4> gs,
                                    store how,
                                    std::int64_t offset) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = s.extent(3), pixels = s.size() / std::max<std::int64_t>(c, 1);
    channel_slice<const T> gp = {gy.data + offset, gy.extent(3)};
    tensor<T, 4, gpu> resized;
    if (s.extent(1) != gy.extent(1) || s.extent(2) != gy.extent(2)) {
        resized = empty<T>(ctx, s.dims);
        resize_transposed<T>(ctx, gp, gy.extent(1), gy.extent(2), resized.view(), store::set);
        gp = {resized.data(), c};
    }
    const bool wide =
        c % n == 0 && gp.stride % n == 0 && device::aligned<n>(t.data, s.data, gp.data, gs.data);
    launch(ctx, "cosine_similarity_map_backward", {blocks_for(ctx, pixels * 32, 256), dim3(32, 8)},
           wide ? kernels::cosine_gradient_kernel<n, T> : kernels::cosine_gradient_kernel<1, T>,
           pixels, c, t.data, s.data, gp, gs.data, how);
}

} // namespace pfad::cuda
