// Mean and biased variance of the columns of a matrix, x read once. The mean and the squares about
// it of some rows are taken in registers and joined in fixed order by Chan's update: in the thread,
// over the eight parts of a block, over the chunks. The order depends on the extents alone.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>
#include <pfad/device/shared.cuh>

#include <algorithm>
#include <cstdint>

namespace pfad::cuda {

namespace kernels {

struct moments_parts_tag;
struct moments_chunks_tag;

/// Chan's update: (mean, squares) of `seen` values takes in (m, q) of `count` more, without
/// cancellation.
template <class A>
__device__ __forceinline__ void join_moments(A& mean, A& squares, A seen, A m, A q, A count) {
    if (count == A(0))
        return;
    const A share = count / (seen + count);
    const A delta = m - mean;
    mean += delta * share;
    squares += q + delta * delta * seen * share;
}

/// Geometry: 32 x 8 threads; a thread owns V neighbouring channels (blockIdx.x) and every eighth
/// row of a chunk (blockIdx.y), of which it holds B at once. x (rows, c), partial (chunks, 2, c):
/// mean, sum of squares about it. The second launch bound: see map_kernel.
template <int B, int V, class T>
__global__ void __launch_bounds__(256, 1) moments_kernel(
    const T* x, std::int64_t rows, std::int64_t c, std::int64_t chunk, accumulator_t<T>* partial) {
    using A = accumulator_t<T>;
    A* const meet = device::shared_array<A, 8 * 32 * 2 * V, moments_parts_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    const std::int64_t column = (std::int64_t(blockIdx.x) * 32 + lane) * V;
    const std::int64_t begin = blockIdx.y * chunk;
    const std::int64_t end = begin + chunk < rows ? begin + chunk : rows;
    A mean[V] = {}, squares[V] = {};
    A seen = 0;
    if (column < c)
        for (std::int64_t row = begin + part; row < end; row += 8 * B) {
            const std::int64_t left = (end - row + 7) / 8;
            const int count = left < B ? static_cast<int>(left) : B;
            A value[B][V];
#pragma unroll
            for (int b = 0; b < B; ++b)
                if (b < count) {
                    device::load<V>(x + (row + 8 * b) * c + column, value[b]);
                } else {
#pragma unroll
                    for (int v = 0; v < V; ++v)
                        value[b][v] = 0;
                }
            const A share = A(1) / static_cast<A>(count);
#pragma unroll
            for (int v = 0; v < V; ++v) {
                A m = 0, q = 0;
#pragma unroll
                for (int b = 0; b < B; ++b)
                    m += value[b][v];
                m *= share;
#pragma unroll
                for (int b = 0; b < B; ++b) {
                    const A d = b < count ? value[b][v] - m : A(0);
                    q += d * d;
                }
                join_moments(mean[v], squares[v], seen, m, q, static_cast<A>(count));
            }
            seen += static_cast<A>(count);
        }
#pragma unroll
    for (int v = 0; v < V; ++v) {
        meet[(part * 2 * V + v) * 32 + lane] = mean[v];
        meet[(part * 2 * V + V + v) * 32 + lane] = squares[v];
    }
    __syncthreads();
    if (part == 0 && column < c)
#pragma unroll
        for (int v = 0; v < V; ++v) {
            A m = 0, q = 0, before = 0;
            for (int p = 0; p < 8; ++p) {
                const A count = begin + p < end ? static_cast<A>((end - begin - p + 7) / 8) : A(0);
                join_moments(m, q, before, meet[(p * 2 * V + v) * 32 + lane],
                             meet[(p * 2 * V + V + v) * 32 + lane], count);
                before += count;
            }
            partial[(blockIdx.y * 2) * c + column + v] = m;
            partial[(blockIdx.y * 2 + 1) * c + column + v] = q;
        }
}

/// Geometry: 32 x 8 threads; a thread joins every eighth chunk of a channel (blockIdx.x), the eight
/// meet in shared memory.
template <class A>
__global__ void __launch_bounds__(256) join_moments_kernel(const A* partial, // (chunks, 2, c)
                                                           std::int64_t rows,
                                                           std::int64_t c,
                                                           std::int64_t chunk,
                                                           std::int64_t chunks,
                                                           A* mean,       // (c)
                                                           A* variance) { // (c)
    A* const meet = device::shared_array<A, 8 * 32 * 3, moments_chunks_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    const std::int64_t column = std::int64_t(blockIdx.x) * 32 + lane;
    A m = 0, q = 0, seen = 0;
    if (column < c)
        for (std::int64_t k = part; k < chunks; k += 8) {
            const std::int64_t left = rows - k * chunk;
            const A count = static_cast<A>(left < chunk ? left : chunk);
            join_moments(m, q, seen, partial[k * 2 * c + column], partial[(k * 2 + 1) * c + column],
                         count);
            seen += count;
        }
    meet[(part * 3) * 32 + lane] = m;
    meet[(part * 3 + 1) * 32 + lane] = q;
    meet[(part * 3 + 2) * 32 + lane] = seen;
    __syncthreads();
    if (part == 0 && column < c) {
        for (int p = 1; p < 8; ++p) {
            const A count = meet[(p * 3 + 2) * 32 + lane];
            join_moments(m, q, seen, meet[(p * 3) * 32 + lane], meet[(p * 3 + 1) * 32 + lane],
                         count);
            seen += count;
        }
        mean[column] = m;
        variance[column] = q / seen;
    }
}

} // namespace kernels

/// mean (c) and biased variance (c) of the rows of x (size / c, c).
template <class T>
void column_moments(context& ctx,
                    const char* what,
                    const T* x,
                    std::int64_t c,
                    std::int64_t size,
                    accumulator_t<T>* mean,
                    accumulator_t<T>* variance) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    if (c == 0 || size == 0)
        return;
    // As sum_rows splits: a function of the extents alone.
    const std::int64_t rows = size / c;
    const std::int64_t chunk = std::max<std::int64_t>(64, divide_up(rows, 512));
    const std::int64_t chunks = divide_up(rows, chunk);
    const auto partial = empty<A>(ctx, shape<3>{{chunks, 2, c}}, what);
    const auto start = [&]<int V>(device::width<V>) {
        constexpr int held = n > 4 ? 4 : 8; // rows at once, the same for any V
        launch(ctx, what,
               {dim3(static_cast<unsigned>(divide_up(c, 32 * V)), static_cast<unsigned>(chunks)),
                dim3(32, 8)},
               kernels::moments_kernel<held, V, T>, x, rows, c, chunk, partial.data());
    };
    if (c % n == 0 && device::aligned<n>(x))
        start(device::width<n>());
    else
        start(device::width<1>());
    launch(ctx, what, {dim3(static_cast<unsigned>(divide_up(c, 32))), dim3(32, 8)},
           kernels::join_moments_kernel<A>, partial.data(), rows, c, chunk, chunks, mean, variance);
}

} // namespace pfad::cuda
