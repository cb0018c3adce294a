// strip_pool: forward and backward are the same. 32 x 8 threads read some rows of an image once:
// each thread sums 16 bytes of neighbouring channels down these rows, and along them in registers;
// the rows' sums meet in shared memory, the columns' are joined over the row chunks in order; then
// pointwise. Bytes: 2 x (3 x when adding) and 2 / 8 of x for the columns' partial sums.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/device/shared.cuh>
#include <pfad/ops/strip_pool.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace kernels {

struct strip_tag;

/// Geometry: 32 x 8 threads; a thread owns V neighbouring channels (blockIdx.x) and every eighth
/// column of a chunk of R rows of a sample (blockIdx.y, looped). along (n, h, c): means;
/// partial (n, chunks, w, c): sums over the chunk.
template <int R, int V, class T>
__global__ void __launch_bounds__(256) strip_kernel(const T* x, // (n, h, w, c)
                                                    std::int64_t n,
                                                    std::int64_t h,
                                                    std::int64_t w,
                                                    std::int64_t c,
                                                    accumulator_t<T>* along,
                                                    accumulator_t<T>* partial) {
    using A = accumulator_t<T>;
    A* const meet = device::shared_array<A, 8 * 32 * R * V, strip_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    std::int64_t const column = (std::int64_t(blockIdx.x) * 32 + lane) * V;
    std::int64_t const chunks = (h + R - 1) / R;
    for (std::int64_t item = blockIdx.y; item < n * chunks; item += gridDim.y) {
        std::int64_t const sample = item / chunks, first = (item - sample * chunks) * R;
        const int count = h - first < R ? static_cast<int>(h - first) : R;
        const T* const from = x + (sample * h + first) * w * c + column;
        A sum[R][V] = {};
        if (column < c)
            for (std::int64_t j = part; j < w; j += 8) {
                A value[R][V] = {}, down[V] = {};
#pragma unroll
                for (int r = 0; r < R; ++r)
                    if (r < count)
                        device::load<V>(from + (r * w + j) * c, value[r]);
#pragma unroll
                for (int r = 0; r < R; ++r)
#pragma unroll
                    for (int v = 0; v < V; ++v) {
                        sum[r][v] += value[r][v];
                        down[v] += value[r][v];
                    }
                device::save<V>(partial + (item * w + j) * c + column, down, store::set);
            }
#pragma unroll
        for (int r = 0; r < R; ++r)
#pragma unroll
            for (int v = 0; v < V; ++v)
                meet[((part * R + r) * V + v) * 32 + lane] = sum[r][v];
        __syncthreads();
        if (part < count && column < c)
#pragma unroll
            for (int v = 0; v < V; ++v) {
                A total = 0;
                for (int p = 0; p < 8; ++p)
                    total += meet[((p * R + part) * V + v) * 32 + lane];
                along[(sample * h + first + part) * c + column + v] = total / static_cast<A>(w);
            }
        __syncthreads();
    }
}

template <class A>
struct strip_result {
    A* across; // (n, w c)
    std::int64_t columns;
    A h;

    __device__ void operator()(std::int64_t sample, std::int64_t column, const A (&sum)[1]) const {
        across[sample * columns + column] = sum[0] / h;
    }
};

template <class T>
struct strip_value {
    const accumulator_t<T>* along;  // (n, h, c)
    const accumulator_t<T>* across; // (n, w, c)
    T* y;                           // (n, h, w, c)
    std::int64_t h, w, c;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        std::int64_t const pixel = i / c, row = pixel / w, channel = i - pixel * c;
        accumulator_t<T> u[N], v[N];
        device::load<N>(along + row * c + channel, u);
        device::load<N>(across + (row / h * w + (pixel - row * w)) * c + channel, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            u[k] += v[k];
        device::save<N>(y + i, u, how);
    }
};

} // namespace kernels

template <class T>
void strip_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    constexpr int held =
        n > 4 ? 4 : 8; // rows at once: what shared memory holds, the same for any V
    const std::int64_t samples = gx.extent(0), h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    if (gx.size() == 0)
        return;
    std::int64_t const chunks = divide_up(h, held);
    const auto along = empty<A>(ctx, shape<3>{{samples, h, c}});
    const auto across = empty<A>(ctx, shape<3>{{samples, w, c}});
    const auto partial = empty<A>(ctx, shape<4>{{samples, chunks, w, c}});
    const auto start = [&]<int V>(device::width<V>) {
        launch(ctx, "strip_pool",
               {dim3(static_cast<unsigned>(divide_up(c, 32 * V)),
                     static_cast<unsigned>(std::min<std::int64_t>(samples * chunks, 65535))),
                dim3(32, 8)},
               kernels::strip_kernel<held, V, T>, gy.data, samples, h, w, c, along.data(),
               partial.data());
    };
    if (c % n == 0 && device::aligned<n>(gy.data))
        start(device::width<n>());
    else
        start(device::width<1>());
    const kernels::strip_result<A> result{across.data(), w * c, static_cast<A>(h)};
    launch(ctx, "strip_pool", {blocks_for(ctx, samples * w * c, 256), 256},
           kernels::join_rows_kernel<1, A, kernels::strip_result<A>>, row_blocks{samples, h, w * c},
           chunks, partial.data(), result);
    map<n>(ctx, "strip_pool", gx.size(), c % n == 0 && device::aligned<n>(gx.data),
           kernels::strip_value<T>{along.data(), across.data(), gx.data, h, w, c, how});
}

template <class T>
void strip_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    strip_pool_backward<T>(ctx, x, y, store::set);
}

} // namespace pfad::cuda
