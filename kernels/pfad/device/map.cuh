// Pointwise kernels: the loop that all of them share.
#pragma once

#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>

#include <cstdint>

namespace pfad::cuda {

namespace kernels {

/// Geometry: a grid-stride loop over packs of N elements, the last count % N elements one by one.
/// The second launch bound keeps ptxas from spilling registers for the sake of more blocks (0:
/// unset).
template <int N, class F>
__global__ void __launch_bounds__(256, N == 1 ? 1 : 0) map_kernel(std::int64_t count, F f) {
    const std::int64_t first = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
    const std::int64_t packs = count / N;
    for (std::int64_t i = first; i < packs; i += step)
        f(device::width<N>(), i * N);
    // Fewer than there are threads in any block.
    if constexpr (N > 1)
        if (packs * N + first < count)
            f(device::width<1>(), packs * N + first);
}

} // namespace kernels

/// Calls f(width<K>, i) for all of [0, count) in pieces of K elements, K = N where `wide`, else 1.
template <int N, class F>
void map(context& ctx, const char* what, std::int64_t count, bool wide, const F& f) {
    const int threads = 256;
    if (wide && N > 1)
        launch(ctx, what, {blocks_for(ctx, divide_up(count, N), threads), threads},
               kernels::map_kernel<N, F>, count, f);
    else
        launch(ctx, what, {blocks_for(ctx, count, threads), threads}, kernels::map_kernel<1, F>,
               count, f);
}

} // namespace pfad::cuda
