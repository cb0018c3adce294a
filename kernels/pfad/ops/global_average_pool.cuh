// global_average_pool: a column sum of every sample (see device/reduce.cuh); the gradient is
// pointwise with a channel's value. 16 bytes a thread where they divide the channels. Bytes:
// forward x, backward x (2 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/global_average_pool.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct global_average_term {
    const T* x; // (n, area, c)
    std::int64_t area, c;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t sample,
                               std::int64_t pixel,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        accumulator_t<T> v[N];
        device::load<N>(x + (sample * area + pixel) * c + column, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += v[k];
    }
};

template <class T>
struct global_average_result {
    T* y; // (n, c)
    std::int64_t c;
    accumulator_t<T> area;

    __device__ void
    operator()(std::int64_t sample, std::int64_t column, const accumulator_t<T> (&sum)[1]) const {
        y[sample * c + column] = static_cast<T>(sum[0] / area);
    }
};

template <class T>
struct global_average_gradient {
    const T* gy; // (n, c)
    T* gx;       // (n, area, c)
    std::int64_t area, c;
    accumulator_t<T> scale;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t pixel = i / c;
        accumulator_t<T> v[N];
        device::load<N>(gy + pixel / area * c + (i - pixel * c), v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            v[k] *= scale;
        device::save<N>(gx + i, v, how);
    }
};

} // namespace kernels

template <class T>
void global_average_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = x.extent(1) * x.extent(2), c = x.extent(3);
    sum_rows<1, n, accumulator_t<T>>(
        ctx, "global_average_pool_forward", {x.extent(0), area, c},
        c % n == 0 && device::aligned<n>(x.data), kernels::global_average_term<T>{x.data, area, c},
        kernels::global_average_result<T>{y.data, c, static_cast<accumulator_t<T>>(area)});
}

template <class T>
void global_average_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = gx.extent(1) * gx.extent(2), c = gx.extent(3);
    map<n>(ctx, "global_average_pool_backward", gx.size(),
           c % n == 0 && device::aligned<n>(gy.data, gx.data),
           kernels::global_average_gradient<T>{
               gy.data, gx.data, area, c,
               static_cast<accumulator_t<T>>(1 / static_cast<double>(area)), how});
}

} // namespace pfad::cuda
