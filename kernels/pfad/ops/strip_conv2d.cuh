// strip_conv2d. 32 x 8 threads read some rows of an image once: each thread sums neighbouring
// channels down these rows, and along them in registers; the rows' sums meet in shared memory, the
// columns' are joined over the row chunks in order. The same with weights is backward's pass over
// gy. The taps run over what is left of an image, a value a column; then pointwise. 16 bytes of
// channels a thread, of bf16 8 where it sums. Bytes: 2 x each way (3 x when adding) and for the
// columns' partial sums a quarter of x in float, forward, and a half, backward; twice that in bf16.
#pragma once

#include <pfad/device/columns.cuh>
#include <pfad/device/map_image.cuh>
#include <pfad/ops/strip_conv2d.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace kernels {

struct strip_tag;

template <class T>
struct strip_image {
    const T* x; // (n, h, w, c)
    std::int64_t n, h, w, c;
    const accumulator_t<T>* rows;    // (n, h, c): weights across, or null
    const accumulator_t<T>* columns; // (w, c): weights along, or null
};

/// Geometry: 32 x 8 threads; a thread owns V neighbouring channels (blockIdx.x) and every eighth
/// column of a chunk of R rows of a sample (blockIdx.y, looped). along (n, h, c): means; partial
/// (n, chunks, K, w, c): sums over the chunk, plain and, where K = 2, weighted. The second launch
/// bound: see map_kernel.
template <int K, int R, int V, class T>
__global__ void __launch_bounds__(256, 1)
    strip_kernel(strip_image<T> z, accumulator_t<T>* along, accumulator_t<T>* partial) {
    using A = accumulator_t<T>;
    A* const meet = device::shared_array<A, 8 * 32 * R * V, strip_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    const std::int64_t column = (std::int64_t(blockIdx.x) * 32 + lane) * V;
    const std::int64_t chunks = (z.h + R - 1) / R;
    for (std::int64_t item = blockIdx.y; item < z.n * chunks; item += gridDim.y) {
        const std::int64_t sample = item / chunks, first = (item - sample * chunks) * R;
        const std::int64_t row = sample * z.h + first;
        const int count = z.h - first < R ? static_cast<int>(z.h - first) : R;
        A sum[R][V] = {}, weight[K == 2 ? R : 1][V] = {};
        if (column < z.c) {
            if constexpr (K == 2)
#pragma unroll
                for (int r = 0; r < R; ++r)
                    if (r < count)
                        device::load<V>(z.rows + (row + r) * z.c + column, weight[r]);
            for (std::int64_t j = part; j < z.w; j += 8) {
                A value[R][V] = {}, down[K][V] = {}, factor[V] = {};
#pragma unroll
                for (int r = 0; r < R; ++r)
                    if (r < count)
                        device::load<V>(z.x + ((row + r) * z.w + j) * z.c + column, value[r]);
                if constexpr (K == 2)
                    device::load<V>(z.columns + j * z.c + column, factor);
#pragma unroll
                for (int r = 0; r < R; ++r)
#pragma unroll
                    for (int v = 0; v < V; ++v) {
                        down[0][v] += value[r][v];
                        if constexpr (K == 2) {
                            down[1][v] += weight[r][v] * value[r][v];
                            value[r][v] *= factor[v];
                        }
                        sum[r][v] += value[r][v];
                    }
#pragma unroll
                for (int k = 0; k < K; ++k)
                    device::save<V>(partial + ((item * K + k) * z.w + j) * z.c + column, down[k],
                                    store::set);
            }
        }
#pragma unroll
        for (int r = 0; r < R; ++r)
#pragma unroll
            for (int v = 0; v < V; ++v)
                meet[((part * R + r) * V + v) * 32 + lane] = sum[r][v];
        __syncthreads();
        if (part < count && column < z.c)
#pragma unroll
            for (int v = 0; v < V; ++v) {
                A total = 0;
                for (int p = 0; p < 8; ++p)
                    total += meet[((p * R + part) * V + v) * 32 + lane];
                along[(row + part) * z.c + column + v] = total / static_cast<A>(z.w);
            }
        __syncthreads();
    }
}

/// A group is a sample, a column one of its w c.
template <class A, int K>
struct strip_result {
    A* across; // (K, n, w c)
    std::int64_t samples, columns;
    A over;

    __device__ void operator()(std::int64_t sample, std::int64_t column, const A (&sum)[K]) const {
#pragma unroll
        for (int k = 0; k < K; ++k)
            across[(k * samples + sample) * columns + column] = sum[k] / over;
    }
};

/// The taps over a row of columns a sample and, one row further, over ones: what is inside.
template <class T>
struct strip_taps {
    const accumulator_t<T>* x; // (n, w, c)
    const T* v;                // (K, c), its last tap where the step is negative
    const accumulator_t<T>* b; // (c) or null
    accumulator_t<T>* y;       // (n, w, c)
    accumulator_t<T>* inside;  // (w, c)
    accumulator_t<T> over;     // what y is divided by
    int n, w, c, taps, step;

    template <int N>
    __device__ void operator()(device::width<N>, int sample, int j, int channel) const {
        using A = accumulator_t<T>;
        const int before = taps / 2 - j;
        const int first = before > 0 ? before : 0, last = w + before < taps ? w + before : taps;
        const bool ones = sample == n;
        A sum[N] = {};
        if (b && !ones)
            device::load<N>(b + channel, sum);
        for (int k = first; k < last; ++k) {
            A weight[N], value[N];
#pragma unroll
            for (int i = 0; i < N; ++i)
                value[i] = 1;
            device::load<N>(v + std::int64_t(k) * step + channel, weight);
            if (!ones)
                device::load<N>(x + (std::int64_t(sample) * w + k - before) * c + channel, value);
#pragma unroll
            for (int i = 0; i < N; ++i)
                sum[i] += weight[i] * value[i];
        }
#pragma unroll
        for (int i = 0; i < N; ++i)
            sum[i] /= over;
        accumulator_t<T>* const to = ones ? inside : y + std::int64_t(sample) * w * c;
        device::save<N>(to + std::int64_t(j) * c + channel, sum, store::set);
    }
};

/// along * slope + across; without a slope along + across. A row of all images at a time.
template <class T>
struct strip_value {
    const accumulator_t<T>* along;  // (n, h, c)
    const accumulator_t<T>* slope;  // (w, c) or null
    const accumulator_t<T>* across; // (n, w, c)
    T* y;                           // (n, h, w, c)
    int h, w, c;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int j, int channel) const {
        accumulator_t<T> a[N], b[N], s[N];
        device::load<N>(along + std::int64_t(row) * c + channel, a);
        device::load<N>(across + (std::int64_t(row / h) * w + j) * c + channel, b);
#pragma unroll
        for (int k = 0; k < N; ++k)
            s[k] = 1;
        if (slope)
            device::load<N>(slope + std::int64_t(j) * c + channel, s);
#pragma unroll
        for (int k = 0; k < N; ++k)
            a[k] = a[k] * s[k] + b[k];
        device::save<N>(y + (std::int64_t(row) * w + j) * c + channel, a, how);
    }
};

/// Groups are taps, rows the columns of all samples.
template <class T>
struct strip_tap_term {
    const accumulator_t<T>* across; // (2, n, w, c)
    const accumulator_t<T>* q;      // (n, w, c)
    std::int64_t n, w, c, taps;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t tap,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        const std::int64_t shift = tap - taps / 2, at = row % w + shift;
        if (at < 0 || at >= w)
            return;
        accumulator_t<T> plain[N], weighted[N], value[N];
        device::load<N>(across + row * c + column, plain);
        device::load<N>(across + (n * w + row) * c + column, weighted);
        device::load<N>(q + (row + shift) * c + column, value);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += weighted[k] + plain[k] * value[k];
    }
};

} // namespace kernels

/// Means, or sums with the weights that z has, as pfad::cpu has them.
template <int K, class T>
void strip_sums(context& ctx,
                const char* what,
                const kernels::strip_image<T>& z,
                accumulator_t<T>* along,
                accumulator_t<T>* across) {
    using A = accumulator_t<T>;
    constexpr int n = std::min(4, device::full_pack<T>), held = 8; // what shared memory holds
    const std::int64_t chunks = divide_up(z.h, held), line = z.w * z.c;
    if (z.n * line == 0)
        return;
    const auto partial = empty<A>(ctx, shape<4>{{z.n, chunks, K, line}});
    const auto start = [&]<int V>(device::width<V>) {
        launch(ctx, what,
               {dim3(static_cast<unsigned>(divide_up(z.c, 32 * V)),
                     static_cast<unsigned>(std::min<std::int64_t>(z.n * chunks, 65535))),
                dim3(32, 8)},
               kernels::strip_kernel<K, held, V, T>, z, along, partial.data());
    };
    if (z.c % n == 0 && device::aligned<n>(z.x, z.rows, z.columns))
        start(device::width<n>());
    else
        start(device::width<1>());
    const kernels::strip_result<A, K> result{across, z.n, line,
                                             K == 2 ? A(1) : static_cast<A>(z.h)};
    launch(ctx, what, {blocks_for(ctx, z.n * line, 256), 256},
           kernels::join_rows_kernel<K, A, kernels::strip_result<A, K>>, row_blocks{z.n, z.h, line},
           chunks, partial.data(), result);
}

template <class T>
void strip_means_forward(context& ctx,
                         in<T, 4> x,
                         out<accumulator_t<T>, 3> r,
                         out<accumulator_t<T>, 3> q) {
    strip_sums<1, T>(ctx, "strip_means_forward",
                     {x.data, x.extent(0), x.extent(1), x.extent(2), x.extent(3), nullptr, nullptr},
                     r.data, q.data);
}

/// Every value of y, pointwise.
template <class T>
void strip_spread(context& ctx,
                  const char* what,
                  const accumulator_t<T>* along,
                  const accumulator_t<T>* slope,
                  const accumulator_t<T>* across,
                  out<T, 4> y,
                  store how) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t h = y.extent(1), w = y.extent(2), c = y.extent(3);
    map_image<n>(
        ctx, what, {y.extent(0) * h, w, c},
        c % n == 0 && device::aligned<n>(along, slope, across, y.data),
        kernels::strip_value<T>{along, slope, across, y.data, index(h), index(w), index(c), how});
}

template <class T>
void strip_conv2d_forward(context& ctx,
                          in<accumulator_t<T>, 3> r,
                          in<accumulator_t<T>, 3> q,
                          in<T, 4> v,
                          in<accumulator_t<T>, 1> b,
                          out<accumulator_t<T>, 2> s,
                          out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int n = std::min(4, device::full_pack<T>);
    const char* const what = "strip_conv2d_forward";
    const std::int64_t samples = y.extent(0), w = y.extent(2), c = y.extent(3);
    const auto across = empty<A>(ctx, q.dims);
    map_image<n>(ctx, what, {samples + 1, w, c},
                 c % n == 0 && device::aligned<n>(q.data, v.data, b.data, s.data),
                 kernels::strip_taps<T>{q.data, v.data, b.data, across.data(), s.data, A(1),
                                        index(samples), index(w), index(c), index(v.extent(2)),
                                        index(c)});
    strip_spread<T>(ctx, what, r.data, s.data, across.data(), y, store::set);
}

template <class T>
void strip_conv2d_backward_sums(context& ctx,
                                in<T, 4> gy,
                                in<accumulator_t<T>, 3> r,
                                in<accumulator_t<T>, 2> s,
                                out<accumulator_t<T>, 3> along,
                                out<accumulator_t<T>, 4> across) {
    strip_sums<2, T>(
        ctx, "strip_conv2d_backward_sums",
        {gy.data, gy.extent(0), gy.extent(1), gy.extent(2), gy.extent(3), r.data, s.data},
        along.data, across.data);
}

template <class T>
void strip_conv2d_backward_input(context& ctx,
                                 in<accumulator_t<T>, 3> along,
                                 in<accumulator_t<T>, 4> across,
                                 in<T, 4> v,
                                 out<T, 4> gx,
                                 store how) {
    using A = accumulator_t<T>;
    constexpr int n = std::min(4, device::full_pack<T>);
    const char* const what = "strip_conv2d_backward_input";
    const std::int64_t samples = gx.extent(0), w = gx.extent(2), c = gx.extent(3);
    const std::int64_t taps = v.extent(2);
    const auto gq = empty<A>(ctx, shape<3>{{samples, w, c}});
    map_image<n>(ctx, what, {samples, w, c}, c % n == 0 && device::aligned<n>(across.data, v.data),
                 kernels::strip_taps<T>{across.data, v.data + (taps - 1) * c, nullptr, gq.data(),
                                        nullptr, static_cast<A>(gx.extent(1)), index(samples),
                                        index(w), index(c), index(taps), -index(c)});
    strip_spread<T>(ctx, what, along.data, nullptr, gq.data(), gx, how);
}

template <class T>
void strip_conv2d_backward_weight(context& ctx,
                                  in<accumulator_t<T>, 4> across,
                                  in<accumulator_t<T>, 3> q,
                                  out<accumulator_t<T>, 4> gv,
                                  store how) {
    using A = accumulator_t<T>;
    constexpr int n = std::min(4, device::full_pack<A>);
    const std::int64_t samples = q.extent(0), w = q.extent(1), c = q.extent(2);
    const std::int64_t taps = gv.extent(2);
    sum_rows<1, n, A>(ctx, "strip_conv2d_backward_weight", {taps, samples * w, c},
                      c % n == 0 && device::aligned<n>(across.data, q.data),
                      kernels::strip_tap_term<T>{across.data, q.data, samples, w, c, taps},
                      kernels::column_result<A>{gv.data, c, how});
}

template <class T>
void strip_conv2d_backward_bias(context& ctx,
                                in<accumulator_t<T>, 4> across,
                                out<accumulator_t<T>, 1> gb,
                                store how) {
    const std::int64_t rows = across.extent(1) * across.extent(2);
    sum_columns<accumulator_t<T>>(ctx, "strip_conv2d_backward_bias", {1, rows, gb.size()},
                                  gb.size(), across.data, gb.data, how);
}

} // namespace pfad::cuda
