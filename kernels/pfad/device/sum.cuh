// Sums over everything: one value, or K of them, of a whole array. In double, so that losses over
// millions of pixels keep their digits. The order of every sum depends on the extents alone.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>
#include <pfad/device/shared.cuh>

#include <algorithm>
#include <cstdint>

namespace pfad::cuda {

namespace device {

/// Adds K values over the threads of a block of Warps full warps; thread 0 gets the sums. Once in a
/// kernel and Tag: the shared memory is not free for another call.
template <int K, int Warps, class Tag>
__device__ __forceinline__ void block_sum(double (&sum)[K]) {
    double* const meet = shared_array<double, Warps * K, Tag>();
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int k = 0; k < K; ++k) {
        for (unsigned distance = 16; distance > 0; distance /= 2)
            sum[k] += __shfl_down_sync(0xffffffffu, sum[k], distance);
        if (thread % 32 == 0)
            meet[thread / 32 * K + k] = sum[k];
    }
    __syncthreads();
    if (thread == 0)
#pragma unroll
        for (int k = 0; k < K; ++k) {
            sum[k] = 0;
            for (int warp = 0; warp < Warps; ++warp)
                sum[k] += meet[warp * K + k];
        }
}

} // namespace device

namespace kernels {

struct sum_tag;
struct join_sums_tag;

/// Geometry: a grid-stride loop over packs of V elements, then over the rest; the grid is a
/// function of count. term(width<N>, i, sum) adds elements i .. i + N - 1 in turn, N = V where
/// Wide, else 1: the order is the same either way. partial (blocks, K).
template <int K, int V, bool Wide, class F>
__global__ void __launch_bounds__(256) sum_kernel(std::int64_t count, F term, double* partial) {
    const std::int64_t first = std::int64_t(blockIdx.x) * 256 + threadIdx.x;
    const std::int64_t step = std::int64_t(gridDim.x) * 256;
    const std::int64_t packs = count / V;
    double sum[K] = {};
    for (std::int64_t i = first; i < packs; i += step) {
        if constexpr (Wide)
            term(device::width<V>(), i * V, sum);
        else
            for (int k = 0; k < V; ++k)
                term(device::width<1>(), i * V + k, sum);
    }
    if (packs * V + first < count)
        term(device::width<1>(), packs * V + first, sum);
    device::block_sum<K, 8, sum_tag>(sum);
    if (threadIdx.x == 0)
#pragma unroll
        for (int k = 0; k < K; ++k)
            partial[std::int64_t(blockIdx.x) * K + k] = sum[k];
}

/// Geometry: one block. result(sum) takes the K sums of partial (count, K).
template <int K, class G>
__global__ void __launch_bounds__(256)
    join_sums_kernel(std::int64_t count, const double* partial, G result) {
    double sum[K] = {};
    for (std::int64_t i = threadIdx.x; i < count; i += 256)
#pragma unroll
        for (int k = 0; k < K; ++k)
            sum[k] += partial[i * K + k];
    device::block_sum<K, 8, join_sums_tag>(sum);
    if (threadIdx.x == 0)
        result(sum);
}

/// A result of sum_all: mean[k] = sum[k] / count.
template <int K, class T>
struct mean_result {
    T* mean; // (K)
    std::int64_t count;

    __device__ void operator()(const double (&sum)[K]) const {
#pragma unroll
        for (int k = 0; k < K; ++k)
            mean[k] =
                static_cast<T>(static_cast<accumulator_t<T>>(sum[k] / static_cast<double>(count)));
    }
};

} // namespace kernels

/// Blocks of a reduction that has work for `wanted`: at least one, so that a sum of nothing is 0.
[[nodiscard]] inline unsigned sum_blocks(std::int64_t wanted) {
    return static_cast<unsigned>(std::max<std::int64_t>(1, std::min<std::int64_t>(1024, wanted)));
}

/// Adds up partial sums (count, K); result(sum) takes them, on one thread.
template <int K, class G>
void join_sums(
    context& ctx, const char* what, std::int64_t count, const double* partial, const G& result) {
    launch(ctx, what, {1, 256}, kernels::join_sums_kernel<K, G>, count, partial, result);
}

/// Sums K values over [0, count): term adds, result takes the sums; see the kernels. V elements at
/// a time where `wide` says that all is aligned.
template <int K, int V, class F, class G>
void sum_all(
    context& ctx, const char* what, std::int64_t count, bool wide, const F& term, const G& result) {
    // Two packs a thread or more, until the GPU is full.
    const unsigned blocks = sum_blocks(divide_up(count, 2 * V * 256));
    const auto partial = empty<double>(ctx, shape<2>{{blocks, K}}, what);
    if (wide)
        launch(ctx, what, {blocks, 256}, kernels::sum_kernel<K, V, true, F>, count, term,
               partial.data());
    else
        launch(ctx, what, {blocks, 256}, kernels::sum_kernel<K, V, false, F>, count, term,
               partial.data());
    join_sums<K>(ctx, what, blocks, partial.data(), result);
}

} // namespace pfad::cuda
