// layer_scale_add: pointwise with a channel's scale; the scale's gradient is a column sum (see
// device/reduce.cuh). Bytes: forward 3 x, input gradient 2 x (3 x when adding), scale gradient 2 x.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/layer_scale_add.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct layer_scale_value {
    const T* x;                    // (rows, c), null for gradients: y = gamma z
    const T* z;                    // (rows, c)
    const accumulator_t<T>* gamma; // (c)
    T* y;                          // (rows, c)
    std::int64_t c;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> u[N] = {}, v[N], s[N];
        if (x)
            device::load<N>(x + i, u);
        device::load<N>(z + i, v);
        device::load<N>(gamma + i % c, s);
#pragma unroll
        for (int k = 0; k < N; ++k)
            u[k] += s[k] * v[k];
        device::save<N>(y + i, u, how);
    }
};

template <class T>
struct layer_scale_term {
    const T* z;  // (rows, c)
    const T* gy; // (rows, c)
    std::int64_t c;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        accumulator_t<T> u[N], v[N];
        device::load<N>(z + row * c + column, u);
        device::load<N>(gy + row * c + column, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += u[k] * v[k];
    }
};

template <class T>
struct layer_scale_result {
    accumulator_t<T>* ggamma; // (c)
    store how;

    __device__ void
    operator()(std::int64_t, std::int64_t column, const accumulator_t<T> (&sum)[1]) const {
        put(ggamma[column], sum[0], how);
    }
};

} // namespace kernels

template <class T>
void layer_scale_add_forward(
    context& ctx, in<T, 4> x, in<T, 4> z, in<accumulator_t<T>, 1> gamma, out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const bool wide =
        gamma.size() % n == 0 && device::aligned<n>(x.data, z.data, gamma.data, y.data);
    map<n>(ctx, "layer_scale_add_forward", y.size(), wide,
           kernels::layer_scale_value<T>{x.data, z.data, gamma.data, y.data, gamma.size(),
                                         store::set});
}

template <class T>
void layer_scale_add_backward_input(
    context& ctx, in<T, 4> gy, in<accumulator_t<T>, 1> gamma, out<T, 4> gz, store how) {
    constexpr int n = device::full_pack<T>;
    const bool wide = gamma.size() % n == 0 && device::aligned<n>(gy.data, gamma.data, gz.data);
    map<n>(ctx, "layer_scale_add_backward_input", gz.size(), wide,
           kernels::layer_scale_value<T>{nullptr, gy.data, gamma.data, gz.data, gamma.size(), how});
}

template <class T>
void layer_scale_add_backward_scale(
    context& ctx, in<T, 4> z, in<T, 4> gy, out<accumulator_t<T>, 1> ggamma, store how) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = ggamma.size();
    sum_rows<1, n, accumulator_t<T>>(ctx, "layer_scale_add_backward_scale", {1, z.size() / c, c},
                                     c % n == 0 && device::aligned<n>(z.data, gy.data),
                                     kernels::layer_scale_term<T>{z.data, gy.data, c},
                                     kernels::layer_scale_result<T>{ggamma.data, how});
}

} // namespace pfad::cuda
