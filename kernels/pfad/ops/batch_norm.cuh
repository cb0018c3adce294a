// batch_norm. Statistics: 32 x 8 threads a chunk of rows, 16 bytes of neighbouring channels a
// thread; mean and squares about it of some rows in registers, joined in fixed order by Chan's
// update: in the thread, over the eight parts of a block, over the chunks. Forward and input
// gradient: pointwise, 16 bytes a thread and array, with factors of a channel from a kernel of c
// threads. Backward sums: column sums (see device/reduce.cuh). Bytes: statistics x; update 6 c;
// forward 2 x, 3 x with a residual; sums 2 x, 3 x with ReLU; input gradient 3 x (2 x where the
// statistics are constants), and x each for ReLU, the residual's gradient, and adding.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/device/shared.cuh>
#include <pfad/ops/batch_norm.hpp>

#include <cmath>

namespace pfad::cuda {

namespace kernels {

struct batch_norm_parts_tag;
struct batch_norm_chunks_tag;

/// Chan's update: (mean, squares) of `seen` values takes in (m, q) of `count` more, without
/// cancellation.
template <class A>
__device__ __forceinline__ void join_moments(A& mean, A& squares, A seen, A m, A q, A count) {
    if (count == A(0))
        return;
    A const share = count / (seen + count);
    A const delta = m - mean;
    mean += delta * share;
    squares += q + delta * delta * seen * share;
}

/// Geometry: 32 x 8 threads; a thread owns V neighbouring channels (blockIdx.x) and every eighth
/// row of a chunk (blockIdx.y), of which it holds B at once. x (rows, c), partial (chunks, 2, c):
/// mean, sum of squares about it.
template <int B, int V, class T>
__global__ void __launch_bounds__(256) batch_norm_moments_kernel(
    const T* x, std::int64_t rows, std::int64_t c, std::int64_t chunk, accumulator_t<T>* partial) {
    using A = accumulator_t<T>;
    A* const meet = device::shared_array<A, 8 * 32 * 2 * V, batch_norm_parts_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    std::int64_t const column = (std::int64_t(blockIdx.x) * 32 + lane) * V;
    std::int64_t const begin = blockIdx.y * chunk;
    std::int64_t const end = begin + chunk < rows ? begin + chunk : rows;
    A mean[V] = {}, squares[V] = {};
    A seen = 0;
    if (column < c)
        for (std::int64_t row = begin + part; row < end; row += 8 * B) {
            std::int64_t const left = (end - row + 7) / 8;
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
            A const share = A(1) / static_cast<A>(count);
#pragma unroll
            for (int v = 0; v < V; ++v) {
                A m = 0, q = 0;
#pragma unroll
                for (int b = 0; b < B; ++b)
                    m += value[b][v];
                m *= share;
#pragma unroll
                for (int b = 0; b < B; ++b) {
                    A const d = b < count ? value[b][v] - m : A(0);
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
                A const count = begin + p < end ? static_cast<A>((end - begin - p + 7) / 8) : A(0);
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
template <class T>
__global__ void __launch_bounds__(256)
    batch_norm_join_kernel(const accumulator_t<T>* partial, // (chunks, 2, c)
                           std::int64_t rows,
                           std::int64_t c,
                           std::int64_t chunk,
                           std::int64_t chunks,
                           T* mean,       // (c)
                           T* variance) { // (c)
    using A = accumulator_t<T>;
    A* const meet = device::shared_array<A, 8 * 32 * 3, batch_norm_chunks_tag>();
    const int lane = static_cast<int>(threadIdx.x), part = static_cast<int>(threadIdx.y);
    std::int64_t const column = std::int64_t(blockIdx.x) * 32 + lane;
    A m = 0, q = 0, seen = 0;
    if (column < c)
        for (std::int64_t k = part; k < chunks; k += 8) {
            std::int64_t const left = rows - k * chunk;
            A const count = static_cast<A>(left < chunk ? left : chunk);
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
            A const count = meet[(p * 3 + 2) * 32 + lane];
            join_moments(m, q, seen, meet[(p * 3) * 32 + lane], meet[(p * 3 + 1) * 32 + lane],
                         count);
            seen += count;
        }
        mean[column] = static_cast<T>(m);
        variance[column] = static_cast<T>(q / seen);
    }
}

template <class T>
struct batch_norm_running {
    const T* mean;       // (c)
    const T* variance;   // (c)
    T* running_mean;     // (c)
    T* running_variance; // (c)
    accumulator_t<T> unbiased, momentum;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> m[N], v[N], to_m[N], to_v[N];
        device::load<N>(mean + i, m);
        device::load<N>(variance + i, v);
        device::load<N>(running_mean + i, to_m);
        device::load<N>(running_variance + i, to_v);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            to_m[k] += momentum * (m[k] - to_m[k]);
            to_v[k] += momentum * (v[k] * unbiased - to_v[k]);
        }
        device::save<N>(running_mean + i, to_m, store::set);
        device::save<N>(running_variance + i, to_v, store::set);
    }
};

/// y = scale x + offset.
template <class T>
struct batch_norm_affine {
    const T* weight;          // (c)
    const T* bias;            // (c)
    const T* mean;            // (c)
    const T* variance;        // (c)
    accumulator_t<T>* factor; // (2, c): scale, offset
    std::int64_t c;
    accumulator_t<T> epsilon;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> w[N], b[N], m[N], v[N];
        device::load<N>(weight + i, w);
        device::load<N>(bias + i, b);
        device::load<N>(mean + i, m);
        device::load<N>(variance + i, v);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            w[k] /= std::sqrt(v[k] + epsilon);
            b[k] -= m[k] * w[k];
        }
        device::save<N>(factor + i, w, store::set);
        device::save<N>(factor + c + i, b, store::set);
    }
};

template <class T>
struct batch_norm_value {
    const T* x;                     // (rows, c)
    const T* residual;              // (rows, c) or null
    const accumulator_t<T>* factor; // (2, c): scale, offset
    T* y;                           // (rows, c)
    std::int64_t c;
    bool relu;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        std::int64_t const column = i % c;
        accumulator_t<T> u[N], r[N] = {}, scale[N], offset[N];
        device::load<N>(x + i, u);
        if (residual)
            device::load<N>(residual + i, r);
        device::load<N>(factor + column, scale);
        device::load<N>(factor + c + column, offset);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const accumulator_t<T> sum = u[k] * scale[k] + offset[k] + r[k];
            u[k] = relu && sum < accumulator_t<T>(0) ? accumulator_t<T>(0) : sum; // keeps a NaN
        }
        device::save<N>(y + i, u, store::set);
    }
};

/// g = gy where y > 0, y null: everywhere.
template <int N, class T>
__device__ __forceinline__ void
batch_norm_masked(const T* y, const T* gy, std::int64_t i, accumulator_t<T> (&g)[N]) {
    device::load<N>(gy + i, g);
    if (y) {
        accumulator_t<T> s[N];
        device::load<N>(y + i, s);
#pragma unroll
        for (int k = 0; k < N; ++k)
            g[k] = s[k] > accumulator_t<T>(0) ? g[k] : accumulator_t<T>(0);
    }
}

template <class T>
struct batch_norm_sums_term {
    const T* x;    // (rows, c)
    const T* y;    // (rows, c), null without ReLU
    const T* gy;   // (rows, c)
    const T* mean; // (c)
    std::int64_t c;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[2][N]) const {
        accumulator_t<T> u[N], g[N], m[N];
        device::load<N>(x + row * c + column, u);
        batch_norm_masked<N>(y, gy, row * c + column, g);
        device::load<N>(mean + column, m);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            sum[0][k] += g[k];
            sum[1][k] += g[k] * (u[k] - m[k]);
        }
    }
};

template <class T>
struct batch_norm_sums_result {
    const T* variance; // (c)
    T* sums;           // (2, c)
    std::int64_t c;
    accumulator_t<T> epsilon;

    __device__ void
    operator()(std::int64_t, std::int64_t column, const accumulator_t<T> (&sum)[2]) const {
        sums[column] = static_cast<T>(sum[0]);
        sums[c + column] = static_cast<T>(
            sum[1] / std::sqrt(static_cast<accumulator_t<T>>(variance[column]) + epsilon));
    }
};

/// gx = scale g + slope (x - mean) + offset.
template <class T>
struct batch_norm_slopes {
    const T* weight;          // (c)
    const T* variance;        // (c)
    const T* sums;            // (2, c), null where the statistics are constants
    accumulator_t<T>* factor; // (3, c): scale, slope, offset
    std::int64_t c;
    accumulator_t<T> epsilon, rows;

    __device__ void operator()(device::width<1>, std::int64_t i) const {
        using A = accumulator_t<T>;
        A const inv = A(1) / std::sqrt(static_cast<A>(variance[i]) + epsilon);
        A const scale = static_cast<A>(weight[i]) * inv;
        factor[i] = scale;
        factor[c + i] = sums ? -scale * inv * static_cast<A>(sums[c + i]) / rows : A(0);
        factor[2 * c + i] = sums ? -scale * static_cast<A>(sums[i]) / rows : A(0);
    }
};

template <class T>
struct batch_norm_gradient {
    const T* x;                     // (rows, c), null where its slope is 0
    const T* y;                     // (rows, c), null without ReLU
    const T* gy;                    // (rows, c)
    const T* mean;                  // (c)
    const accumulator_t<T>* factor; // (3, c): scale, slope, offset
    T* gx;                          // (rows, c) or null
    T* gresidual;                   // (rows, c) or null
    std::int64_t c;
    store how, residual_how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> g[N];
        batch_norm_masked<N>(y, gy, i, g);
        if (gresidual)
            device::save<N>(gresidual + i, g, residual_how);
        if (!gx)
            return;
        std::int64_t const column = i % c;
        accumulator_t<T> s[N];
        device::load<N>(factor + column, s);
        if (x) {
            accumulator_t<T> u[N], m[N], slope[N], offset[N];
            device::load<N>(x + i, u);
            device::load<N>(mean + column, m);
            device::load<N>(factor + c + column, slope);
            device::load<N>(factor + 2 * c + column, offset);
#pragma unroll
            for (int k = 0; k < N; ++k)
                g[k] = s[k] * g[k] + slope[k] * (u[k] - m[k]) + offset[k];
        } else {
#pragma unroll
            for (int k = 0; k < N; ++k)
                g[k] *= s[k];
        }
        device::save<N>(gx + i, g, how);
    }
};

} // namespace kernels

template <class T>
void batch_norm_statistics(context& ctx, in<T, 4> x, out<T, 1> mean, out<T, 1> variance) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    std::int64_t const c = mean.size();
    if (c == 0 || x.size() == 0)
        return;
    // As sum_rows splits: a function of the extents alone.
    std::int64_t const rows = x.size() / c;
    std::int64_t const chunk = std::max<std::int64_t>(64, divide_up(rows, 512));
    std::int64_t const chunks = divide_up(rows, chunk);
    const auto partial = empty<A>(ctx, shape<3>{{chunks, 2, c}});
    const auto start = [&]<int V>(device::width<V>) {
        constexpr int held = n > 4 ? 4 : 8; // rows at once, the same for any V
        launch(ctx, "batch_norm_statistics",
               {dim3(static_cast<unsigned>(divide_up(c, 32 * V)), static_cast<unsigned>(chunks)),
                dim3(32, 8)},
               kernels::batch_norm_moments_kernel<held, V, T>, x.data, rows, c, chunk,
               partial.data());
    };
    if (c % n == 0 && device::aligned(x.data))
        start(device::width<n>());
    else
        start(device::width<1>());
    launch(ctx, "batch_norm_statistics",
           {dim3(static_cast<unsigned>(divide_up(c, 32))), dim3(32, 8)},
           kernels::batch_norm_join_kernel<T>, partial.data(), rows, c, chunk, chunks, mean.data,
           variance.data);
}

template <class T>
void batch_norm_update(context& ctx,
                       in<T, 1> mean,
                       in<T, 1> variance,
                       std::int64_t rows,
                       double momentum,
                       out<T, 1> running_mean,
                       out<T, 1> running_variance) {
    using A = accumulator_t<T>;
    map<1>(ctx, "batch_norm_update", running_mean.size(), false,
           kernels::batch_norm_running<T>{
               mean.data, variance.data, running_mean.data, running_variance.data,
               static_cast<A>(static_cast<double>(rows) / static_cast<double>(rows - 1)),
               static_cast<A>(momentum)});
}

template <class T>
void batch_norm_forward(context& ctx,
                        in<T, 4> x,
                        in<T, 1> weight,
                        in<T, 1> bias,
                        in<T, 1> mean,
                        in<T, 1> variance,
                        double epsilon,
                        in<T, 4> residual,
                        tail after,
                        out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    std::int64_t const c = mean.size();
    const auto factor = empty<A>(ctx, shape<2>{{2, c}});
    map<1>(ctx, "batch_norm_forward", c, false,
           kernels::batch_norm_affine<T>{weight.data, bias.data, mean.data, variance.data,
                                         factor.data(), c, static_cast<A>(epsilon)});
    map<n>(ctx, "batch_norm_forward", y.size(),
           c % n == 0 && device::aligned(x.data, residual.data, y.data),
           kernels::batch_norm_value<T>{x.data, residual.data, factor.data(), y.data, c,
                                        after == tail::relu});
}

template <class T>
void batch_norm_backward_sums(context& ctx,
                              in<T, 4> x,
                              in<T, 4> y,
                              in<T, 4> gy,
                              in<T, 1> mean,
                              in<T, 1> variance,
                              double epsilon,
                              tail after,
                              out<T, 1> sums) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    std::int64_t const c = mean.size();
    if (c == 0)
        return;
    const T* const kept = after == tail::relu ? y.data : nullptr;
    sum_rows<2, n, A>(
        ctx, "batch_norm_backward_sums", {1, x.size() / c, c},
        c % n == 0 && device::aligned(x.data, kept, gy.data, mean.data),
        kernels::batch_norm_sums_term<T>{x.data, kept, gy.data, mean.data, c},
        kernels::batch_norm_sums_result<T>{variance.data, sums.data, c, static_cast<A>(epsilon)});
}

template <class T>
void batch_norm_backward_input(context& ctx,
                               in<T, 4> x,
                               in<T, 4> y,
                               in<T, 4> gy,
                               in<T, 1> weight,
                               in<T, 1> mean,
                               in<T, 1> variance,
                               double epsilon,
                               tail after,
                               in<T, 1> sums,
                               bool batch,
                               out<T, 4> gx,
                               store how,
                               view<T, 4> gresidual,
                               store residual_how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    std::int64_t const c = mean.size();
    if (c == 0)
        return;
    const auto factor = empty<A>(ctx, shape<2>{{3, c}});
    if (gx.data)
        map<1>(ctx, "batch_norm_backward_input", c, false,
               kernels::batch_norm_slopes<T>{
                   weight.data, variance.data, batch ? sums.data : nullptr, factor.data(), c,
                   static_cast<A>(epsilon), static_cast<A>(x.size() / c)});
    const T* const kept = after == tail::relu ? y.data : nullptr;
    const T* const needed = batch ? x.data : nullptr;
    map<n>(ctx, "batch_norm_backward_input", x.size(),
           c % n == 0 && device::aligned(needed, kept, gy.data, mean.data, gx.data, gresidual.data),
           kernels::batch_norm_gradient<T>{needed, kept, gy.data, mean.data, factor.data(), gx.data,
                                           gresidual.data, c, how, residual_how});
}

} // namespace pfad::cuda
