// add, accumulate: pointwise, 16 bytes a thread and array. Bytes: add 3 x, accumulate 2 x (3 x when
// adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/add.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct add_value {
    const T* a; // (n)
    const T* b; // (n)
    T* y;       // (n)

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> u[N], v[N];
        device::load<N>(a + i, u);
        device::load<N>(b + i, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            u[k] += v[k];
        device::save<N>(y + i, u, store::set);
    }
};

template <class T>
struct accumulate_value {
    const T* x; // (n)
    T* y;       // (n)
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> v[N];
        device::load<N>(x + i, v);
        device::save<N>(y + i, v, how);
    }
};

} // namespace kernels

template <class T>
void add_forward(context& ctx, in<T, 1> a, in<T, 1> b, out<T, 1> y) {
    map<device::full_pack<T>>(ctx, "add_forward", y.size(),
                              device::aligned<device::full_pack<T>>(a.data, b.data, y.data),
                              kernels::add_value<T>{a.data, b.data, y.data});
}

template <class T>
void accumulate_forward(context& ctx, in<T, 1> x, out<T, 1> y, store how) {
    map<device::full_pack<T>>(ctx, "accumulate_forward", y.size(),
                              device::aligned<device::full_pack<T>>(x.data, y.data),
                              kernels::accumulate_value<T>{x.data, y.data, how});
}

} // namespace pfad::cuda
