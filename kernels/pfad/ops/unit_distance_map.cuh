// unit_distance_map: a warp a pixel, 16 bytes a lane where the channels allow; a pixel is read again
// from the cache once its norms are known. Bytes: 2 x, and a value a pixel.
#pragma once

#include <pfad/ops/cosine_similarity_map.cuh>
#include <pfad/ops/unit_distance_map.hpp>

#include <cmath>

namespace pfad::cuda {

namespace kernels {

/// Geometry: 32 x 8 threads, a warp (threadIdx.y) a pixel, in strides of the grid.
template <int N, class T>
__global__ void __launch_bounds__(256) unit_distance_kernel(std::int64_t pixels,
                                                            std::int64_t c,
                                                            const T* t, // (pixels, c)
                                                            const T* s, // (pixels, c)
                                                            accumulator_t<T>* y) {
    using A = accumulator_t<T>;
    const A e = static_cast<A>(cosine_epsilon);
    const std::int64_t first = std::int64_t(threadIdx.x) * N;
    for (std::int64_t pixel = std::int64_t(blockIdx.x) * 8 + threadIdx.y; pixel < pixels;
         pixel += std::int64_t(gridDim.x) * 8) {
        A aa = 0, bb = 0, sum = 0;
        cosine_squares<N>(t + pixel * c, s + pixel * c, c, aa, bb);
        const A scale_a = A(1) / (std::sqrt(aa) + e);
        const A scale_b = A(1) / (std::sqrt(bb) + e);
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A a[N], b[N];
            device::load<N>(t + pixel * c + i, a);
            device::load<N>(s + pixel * c + i, b);
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const A gap = a[k] * scale_a - b[k] * scale_b;
                sum += gap * gap;
            }
        }
        sum = device::warp_sum(sum);
        if (threadIdx.x == 0)
            y[pixel] = sum / 2;
    }
}

} // namespace kernels

template <class T>
void unit_distance_map_forward(context& ctx, in<T, 4> t, in<T, 4> s, out<accumulator_t<T>, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = t.extent(3), pixels = y.size();
    const bool wide = c % n == 0 && device::aligned<n>(t.data, s.data);
    launch(ctx, "unit_distance_map_forward", {blocks_for(ctx, pixels * 32, 256), dim3(32, 8)},
           wide ? kernels::unit_distance_kernel<n, T> : kernels::unit_distance_kernel<1, T>, pixels,
           c, t.data, s.data, y.data);
}

} // namespace pfad::cuda
