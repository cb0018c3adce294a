// batch_norm. Statistics: column moments (see device/moments.cuh). Forward and input gradient:
// pointwise, 16 bytes a thread and array, with factors of a channel from a kernel of c
// threads. Backward sums: column sums (see device/reduce.cuh). Bytes: statistics x; update 6 c;
// forward 2 x, 3 x with a residual; sums 2 x, 3 x with ReLU; input gradient 3 x (2 x where the
// statistics are constants), and x each for ReLU, the residual's gradient, and adding.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/moments.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/batch_norm.hpp>

#include <cmath>

namespace pfad::cuda {

namespace kernels {

template <class A>
struct batch_norm_running {
    const A* mean;       // (c)
    const A* variance;   // (c)
    A* running_mean;     // (c)
    A* running_variance; // (c)
    A unbiased, momentum;

    __device__ void operator()(device::width<1>, std::int64_t i) const {
        running_mean[i] += momentum * (mean[i] - running_mean[i]);
        running_variance[i] += momentum * (variance[i] * unbiased - running_variance[i]);
    }
};

/// y = scale x + offset.
template <class A>
struct batch_norm_affine {
    const A* weight;   // (c)
    const A* bias;     // (c)
    const A* mean;     // (c)
    const A* variance; // (c)
    A* factor;         // (2, c): scale, offset
    std::int64_t c;
    A epsilon;

    __device__ void operator()(device::width<1>, std::int64_t i) const {
        const A scale = weight[i] / std::sqrt(variance[i] + epsilon);
        factor[i] = scale;
        factor[c + i] = bias[i] - mean[i] * scale;
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
        const std::int64_t column = i % c;
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
    const T* x;                   // (rows, c)
    const T* y;                   // (rows, c), null without ReLU
    const T* gy;                  // (rows, c)
    const accumulator_t<T>* mean; // (c)
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

template <class A>
struct batch_norm_sums_result {
    const A* variance; // (c)
    A* sums;           // (2, c)
    std::int64_t c;
    A epsilon;

    __device__ void operator()(std::int64_t, std::int64_t column, const A (&sum)[2]) const {
        sums[column] = sum[0];
        sums[c + column] = sum[1] / std::sqrt(variance[column] + epsilon);
    }
};

/// gx = scale g + slope (x - mean) + offset.
template <class A>
struct batch_norm_slopes {
    const A* weight;   // (c)
    const A* variance; // (c)
    const A* sums;     // (2, c), null where the statistics are constants
    A* factor;         // (3, c): scale, slope, offset
    std::int64_t c;
    A epsilon, rows;

    __device__ void operator()(device::width<1>, std::int64_t i) const {
        const A inv = A(1) / std::sqrt(variance[i] + epsilon);
        const A scale = weight[i] * inv;
        factor[i] = scale;
        factor[c + i] = sums ? -scale * inv * sums[c + i] / rows : A(0);
        factor[2 * c + i] = sums ? -scale * sums[i] / rows : A(0);
    }
};

template <class T>
struct batch_norm_gradient {
    const T* x;                     // (rows, c), null where its slope is 0
    const T* y;                     // (rows, c), null without ReLU
    const T* gy;                    // (rows, c)
    const accumulator_t<T>* mean;   // (c)
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
        const std::int64_t column = i % c;
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
void batch_norm_statistics(context& ctx,
                           in<T, 4> x,
                           out<accumulator_t<T>, 1> mean,
                           out<accumulator_t<T>, 1> variance) {
    column_moments(ctx, "batch_norm_statistics", x.data, mean.size(), x.size(), mean.data,
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
    map<1>(ctx, "batch_norm_update", running_mean.size(), false,
           kernels::batch_norm_running<T>{
               mean.data, variance.data, running_mean.data, running_variance.data,
               static_cast<T>(static_cast<double>(rows) / static_cast<double>(rows - 1)),
               static_cast<T>(momentum)});
}

template <class T>
void batch_norm_forward(
    context& ctx, in<T, 4> x, const norm_view<T>& norm, in<T, 4> residual, out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = norm.mean.size();
    const auto factor = empty<A>(ctx, shape<2>{{2, c}});
    map<1>(ctx, "batch_norm_forward", c, false,
           kernels::batch_norm_affine<A>{norm.weight.data, norm.bias.data, norm.mean.data,
                                         norm.variance.data, factor.data(), c,
                                         static_cast<A>(norm.epsilon)});
    map<n>(ctx, "batch_norm_forward", y.size(),
           c % n == 0 && device::aligned<n>(x.data, residual.data, y.data),
           kernels::batch_norm_value<T>{x.data, residual.data, factor.data(), y.data, c,
                                        norm.after == post::relu});
}

template <class T>
void batch_norm_backward_sums(context& ctx,
                              in<T, 4> x,
                              in<T, 4> y,
                              in<T, 4> gy,
                              const norm_view<T>& norm,
                              out<accumulator_t<T>, 1> sums) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = norm.mean.size();
    if (c == 0)
        return;
    const T* const kept = norm.after == post::relu ? y.data : nullptr;
    sum_rows<2, n, A>(ctx, "batch_norm_backward_sums", {1, x.size() / c, c},
                      c % n == 0 && device::aligned<n>(x.data, kept, gy.data, norm.mean.data),
                      kernels::batch_norm_sums_term<T>{x.data, kept, gy.data, norm.mean.data, c},
                      kernels::batch_norm_sums_result<A>{norm.variance.data, sums.data, c,
                                                         static_cast<A>(norm.epsilon)});
}

template <class T>
void batch_norm_backward_input(context& ctx,
                               in<T, 4> x,
                               in<T, 4> y,
                               in<T, 4> gy,
                               const norm_view<T>& norm,
                               in<accumulator_t<T>, 1> sums,
                               bool batch,
                               gradient_target<T, 4> gx,
                               gradient_target<T, 4> gresidual) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = norm.mean.size();
    if (c == 0)
        return;
    const auto factor = empty<A>(ctx, shape<2>{{3, c}});
    if (gx.to.data)
        map<1>(ctx, "batch_norm_backward_input", c, false,
               kernels::batch_norm_slopes<A>{
                   norm.weight.data, norm.variance.data, batch ? sums.data : nullptr, factor.data(),
                   c, static_cast<A>(norm.epsilon), static_cast<A>(x.size() / c)});
    const T* const kept = norm.after == post::relu ? y.data : nullptr;
    const T* const needed = batch ? x.data : nullptr;
    map<n>(ctx, "batch_norm_backward_input", x.size(),
           c % n == 0 && device::aligned<n>(needed, kept, gy.data, norm.mean.data, gx.to.data,
                                            gresidual.to.data),
           kernels::batch_norm_gradient<T>{needed, kept, gy.data, norm.mean.data, factor.data(),
                                           gx.to.data, gresidual.to.data, c, gx.how,
                                           gresidual.how});
}

} // namespace pfad::cuda
