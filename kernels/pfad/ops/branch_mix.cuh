// branch_mix. Softmax over the branches and its gradient: a thread a sample and channel. Mix:
// pointwise over the result, 16 bytes a thread and branch. Backward: one column sum a sample over
// the channels of f (see device/reduce.cuh), which writes gf on its way; gy is read once a branch,
// from the cache after the first. Bytes: forward f + y, backward 2 f + y (3 f + y when adding).
#pragma once

#include <pfad/core/math.hpp>
#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/branch_mix.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct branch_softmax {
    const T* a; // (n, branches, c)
    T* weights; // (n, branches, c)
    std::int64_t branches, c;

    /// i: sample and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        using A = accumulator_t<T>;
        const std::int64_t first = i / c * branches * c + i % c;
        A largest = static_cast<A>(a[first]);
        for (std::int64_t b = 1; b < branches; ++b) {
            const A value = static_cast<A>(a[first + b * c]);
            largest = largest < value ? value : largest;
        }
        A sum = 0;
        for (std::int64_t b = 0; b < branches; ++b)
            sum += math::exp(static_cast<A>(a[first + b * c]) - largest);
        for (std::int64_t b = 0; b < branches; ++b)
            weights[first + b * c] =
                static_cast<T>(math::exp(static_cast<A>(a[first + b * c]) - largest) / sum);
    }
};

template <class T>
struct branch_mix_value {
    const T* f;       // (n, area, branches, c)
    const T* weights; // (n, branches, c)
    T* y;             // (n, area, c)
    std::int64_t area, branches, c;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t pixel = i / c, column = i - pixel * c;
        const T* const from = f + pixel * branches * c + column;
        const T* const weight = weights + pixel / area * branches * c + column;
        accumulator_t<T> sum[N] = {};
#pragma unroll 4
        for (std::int64_t b = 0; b < branches; ++b) {
            accumulator_t<T> u[N], w[N];
            device::load<N>(from + b * c, u);
            device::load<N>(weight + b * c, w);
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum[k] += u[k] * w[k];
        }
        device::save<N>(y + i, sum, store::set);
    }
};

/// Both uses: a term of the sums gW that writes gf, where it is wanted, on its way; gf alone.
template <class T>
struct branch_mix_gradient {
    const T* f;       // (n, area, branches, c)
    const T* weights; // (n, branches, c)
    const T* gy;      // (n, area, c)
    T* gf;            // (n, area, branches, c) or null
    std::int64_t area, branches, c;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t sample,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        const std::int64_t pixel = sample * area + row;
        accumulator_t<T> u[N], g[N];
        device::load<N>(f + pixel * branches * c + column, u);
        device::load<N>(gy + pixel * c + column % c, g);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += u[k] * g[k];
        if (gf)
            write<N>(sample, pixel, column, g);
    }

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t pixel = i / (branches * c), column = i - pixel * branches * c;
        accumulator_t<T> g[N];
        device::load<N>(gy + pixel * c + column % c, g);
        write<N>(pixel / area, pixel, column, g);
    }

private:
    template <int N>
    __device__ void write(std::int64_t sample,
                          std::int64_t pixel,
                          std::int64_t column,
                          accumulator_t<T> (&g)[N]) const {
        accumulator_t<T> w[N];
        device::load<N>(weights + sample * branches * c + column, w);
#pragma unroll
        for (int k = 0; k < N; ++k)
            g[k] *= w[k];
        device::save<N>(gf + pixel * branches * c + column, g, how);
    }
};

template <class A>
struct branch_mix_result {
    A* gw; // (n, branches, c)
    std::int64_t columns;

    __device__ void operator()(std::int64_t sample, std::int64_t column, const A (&sum)[1]) const {
        gw[sample * columns + column] = sum[0];
    }
};

template <class T>
struct branch_softmax_gradient {
    const T* weights;           // (n, branches, c)
    const accumulator_t<T>* gw; // (n, branches, c)
    T* ga;                      // (n, branches, c)
    std::int64_t branches, c;
    store how;

    /// i: sample and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        using A = accumulator_t<T>;
        const std::int64_t first = i / c * branches * c + i % c;
        A mean = 0;
        for (std::int64_t b = 0; b < branches; ++b)
            mean += static_cast<A>(weights[first + b * c]) * gw[first + b * c];
        for (std::int64_t b = 0; b < branches; ++b) {
            const std::int64_t at = first + b * c;
            const A value[1] = {static_cast<A>(weights[at]) * (gw[at] - mean)};
            device::save<1>(ga + at, value, how);
        }
    }
};

} // namespace kernels

template <class T>
void branch_softmax_forward(context& ctx, in<T, 4> a, out<T, 4> weights, std::int64_t branches) {
    map<1>(ctx, "branch_softmax_forward", a.size() / branches, false,
           kernels::branch_softmax<T>{a.data, weights.data, branches, a.extent(3)});
}

template <class T>
void branch_mix_forward(context& ctx, in<T, 4> f, in<T, 4> weights, out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = y.extent(1) * y.extent(2), c = y.extent(3);
    const std::int64_t branches = f.extent(3) / c;
    map<n>(ctx, "branch_mix_forward", y.size(),
           c % n == 0 && device::aligned<n>(f.data, weights.data, y.data),
           kernels::branch_mix_value<T>{f.data, weights.data, y.data, area, branches, c});
}

template <class T>
void branch_mix_backward(context& ctx,
                         in<T, 4> f,
                         in<T, 4> weights,
                         in<T, 4> gy,
                         out<T, 4> gf,
                         store gf_how,
                         out<T, 4> ga,
                         store ga_how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = gy.extent(1) * gy.extent(2), c = gy.extent(3);
    const std::int64_t branches = f.extent(3) / c;
    const bool wide = c % n == 0 && device::aligned<n>(f.data, weights.data, gy.data, gf.data);
    const kernels::branch_mix_gradient<T> gradient{f.data, weights.data, gy.data, gf.data,
                                                   area,   branches,     c,       gf_how};
    if (ga.data) {
        const auto gw = empty<A>(ctx, shape<2>{{gy.extent(0), branches * c}});
        sum_rows<1, n, A>(ctx, "branch_mix_backward", {gy.extent(0), area, branches * c}, wide,
                          gradient, kernels::branch_mix_result<A>{gw.data(), branches * c});
        map<1>(ctx, "branch_mix_backward", gy.extent(0) * c, false,
               kernels::branch_softmax_gradient<T>{weights.data, gw.data(), ga.data, branches, c,
                                                   ga_how});
    } else if (gf.data) {
        map<n>(ctx, "branch_mix_backward", gf.size(), wide, gradient);
    }
}

} // namespace pfad::cuda
