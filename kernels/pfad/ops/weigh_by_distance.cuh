// weigh_by_distance: a warp a pixel, 16 bytes a lane where the channels allow. Bytes: x, and two values a
// pixel.
#pragma once

#include <pfad/cuda/launch.hpp>
#include <pfad/device/row.cuh>
#include <pfad/ops/weigh_by_distance.hpp>

namespace pfad::cuda {

namespace kernels {

/// Geometry: 32 x 8 threads, a warp (threadIdx.y) a pixel, in strides of the grid.
template <int N, class T>
__global__ void __launch_bounds__(256) weigh_by_distance_kernel(std::int64_t pixels,
                                                                std::int64_t c,
                                                                const T* x, // (pixels, c)
                                                                const T* m, // (pixels)
                                                                int levels,
                                                                T* y) { // (pixels)
    using A = accumulator_t<T>;
    for (std::int64_t pixel = std::int64_t(blockIdx.x) * 8 + threadIdx.y; pixel < pixels;
         pixel += std::int64_t(gridDim.x) * 8) {
        A sum = 0;
#pragma unroll 1
        for (std::int64_t i = std::int64_t(threadIdx.x) * N; i < c; i += 32 * N) {
            A v[N];
            device::load<N>(x + pixel * c + i, v);
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum += v[k];
        }
        sum = device::warp_sum(sum);
        if (threadIdx.x == 0)
            y[pixel] = static_cast<T>(weigh_by_distance_rule::value(static_cast<A>(m[pixel]), sum,
                                                                    static_cast<A>(levels)));
    }
}

} // namespace kernels

template <class T>
void weigh_by_distance_forward(context& ctx, in<T, 4> x, in<T, 4> m, int levels, out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = x.extent(3), pixels = y.size();
    const bool wide = c % n == 0 && device::aligned<n>(x.data);
    launch(ctx, "weigh_by_distance_forward", {blocks_for(ctx, pixels * 32, 256), dim3(32, 8)},
           wide ? kernels::weigh_by_distance_kernel<n, T> : kernels::weigh_by_distance_kernel<1, T>,
           pixels, c, x.data, m.data, levels, y.data);
}

} // namespace pfad::cuda
