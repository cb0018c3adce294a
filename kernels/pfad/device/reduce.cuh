// Sums over the rows of a matrix (column sums), the reduction that channels-last layouts need most.
// The order of every sum depends on the extents alone: the same bits on every run and every GPU.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>
#include <pfad/device/shared.cuh>

#include <algorithm>
#include <cstdint>

namespace pfad::cuda {

/// `groups` matrices of `rows` x `columns`, one behind the other.
struct row_blocks {
    /// Matrices, rows of each, elements of a row.
    std::int64_t groups, rows, columns;
};

namespace kernels {

struct sum_rows_tag;

/// Geometry: 32 x 8 threads; a thread owns V neighbouring columns (blockIdx.x) of one group
/// (blockIdx.z) and every eighth row of a chunk (blockIdx.y); the eight meet in shared memory.
/// term(width<V>, group, row, column, sum) adds K values for each of V columns to sum[K][V].
/// partial (groups, chunks, K, columns). The second launch bound: see map_kernel.
template <int K, int V, class A, class F>
__global__ void __launch_bounds__(256, 1)
    sum_rows_kernel(row_blocks x, std::int64_t chunk, F term, A* partial) {
    A* const meet = device::shared_array<A, 8 * 32 * K * V, sum_rows_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    const std::int64_t column = (std::int64_t(blockIdx.x) * 32 + lane) * V;
    const std::int64_t begin = blockIdx.y * chunk;
    const std::int64_t end = begin + chunk < x.rows ? begin + chunk : x.rows;
    for (std::int64_t group = blockIdx.z; group < x.groups; group += gridDim.z) {
        A sum[K][V] = {};
        if (column < x.columns)
            for (std::int64_t row = begin + part; row < end; row += 8)
                term(device::width<V>(), group, row, column, sum);
#pragma unroll
        for (int k = 0; k < K; ++k)
#pragma unroll
            for (int v = 0; v < V; ++v)
                meet[((part * K + k) * V + v) * 32 + lane] = sum[k][v];
        __syncthreads();
        if (part == 0 && column < x.columns) {
            A* const to = partial + (group * gridDim.y + blockIdx.y) * K * x.columns + column;
#pragma unroll
            for (int k = 0; k < K; ++k)
#pragma unroll
                for (int v = 0; v < V; ++v) {
                    A total = 0;
                    for (int p = 0; p < 8; ++p)
                        total += meet[((p * K + k) * V + v) * 32 + lane];
                    to[k * x.columns + v] = total;
                }
        }
        __syncthreads();
    }
}

/// Geometry: a thread a column of a group; adds its chunks in order.
/// result(group, column, sum) takes the K sums.
template <int K, class A, class F>
__global__ void __launch_bounds__(256)
    join_rows_kernel(row_blocks x, std::int64_t chunks, const A* partial, F result) {
    const std::int64_t step = std::int64_t(gridDim.x) * blockDim.x;
    for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
         i < x.groups * x.columns; i += step) {
        const std::int64_t group = i / x.columns, column = i % x.columns;
        A sum[K] = {};
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
#pragma unroll
            for (int k = 0; k < K; ++k)
                sum[k] += partial[((group * chunks + chunk) * K + k) * x.columns + column];
        result(group, column, sum);
    }
}

} // namespace kernels

/// Sums K values a column over the rows of each group: term adds, result takes the sums; see the
/// kernels. V columns at a time where `wide` says that V divides the columns and all is aligned.
template <int K, int V, class A, class F, class G>
void sum_rows(context& ctx,
              const char* what,
              const row_blocks& x,
              bool wide,
              const F& term,
              const G& result) {
    if (x.groups * x.columns == 0)
        return;
    // Some 64 rows or more a chunk, at most 512 chunks: a function of the extents alone.
    const std::int64_t wanted = std::max<std::int64_t>(1, 512 / x.groups);
    const std::int64_t chunk = std::max<std::int64_t>(64, divide_up(x.rows, wanted));
    const std::int64_t chunks = std::max<std::int64_t>(1, divide_up(x.rows, chunk));
    const auto partial = empty<A>(ctx, shape<4>{{x.groups, chunks, K, x.columns}}, what);
    const auto start = [&]<int W>(device::width<W>) {
        launch(ctx, what,
               {dim3(static_cast<unsigned>(divide_up(x.columns, 32 * W)),
                     static_cast<unsigned>(chunks),
                     static_cast<unsigned>(std::min<std::int64_t>(x.groups, 65535))),
                dim3(32, 8)},
               kernels::sum_rows_kernel<K, W, A, F>, x, chunk, term, partial.data());
    };
    if (wide)
        start(device::width<V>());
    else
        start(device::width<1>());
    launch(ctx, what, {blocks_for(ctx, x.groups * x.columns, 256), 256},
           kernels::join_rows_kernel<K, A, G>, x, chunks, partial.data(), result);
}

} // namespace pfad::cuda
