// Activations: pointwise, 16 bytes a thread and array. Bytes: forward 2 x, backward 3 x (4 x when
// adding), x being those of the array.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/activation.hpp>

namespace pfad::cuda {

namespace kernels {

template <class F, class T>
struct activation_value {
    const T* x; // (n)
    T* y;       // (n)

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> v[N];
        device::load<N>(x + i, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            v[k] = F::value(v[k]);
        device::save<N>(y + i, v, store::set);
    }
};

template <class F, class T>
struct activation_gradient {
    const T* saved; // (n)
    const T* gy;    // (n)
    T* gx;          // (n)
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> s[N], g[N];
        device::load<N>(saved + i, s);
        device::load<N>(gy + i, g);
#pragma unroll
        for (int k = 0; k < N; ++k)
            g[k] = F::gradient(s[k], g[k]);
        device::save<N>(gx + i, g, how);
    }
};

} // namespace kernels

template <class F, class T>
void activation_forward(context& ctx, F, in<T, 1> x, out<T, 1> y) {
    map<device::full_pack<T>>(ctx, "activation_forward", y.size(),
                              device::aligned<device::full_pack<T>>(x.data, y.data),
                              kernels::activation_value<F, T>{x.data, y.data});
}

template <class F, class T>
void activation_backward(context& ctx, F, in<T, 1> saved, in<T, 1> gy, out<T, 1> gx, store how) {
    map<device::full_pack<T>>(
        ctx, "activation_backward", gx.size(),
        device::aligned<device::full_pack<T>>(saved.data, gy.data, gx.data),
        kernels::activation_gradient<F, T>{saved.data, gy.data, gx.data, how});
}

} // namespace pfad::cuda
