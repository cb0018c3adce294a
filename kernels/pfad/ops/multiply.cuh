// multiply: pointwise, 16 bytes a thread and array. Bytes: 3 x (4 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/multiply.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct multiply_value {
    const T* a; // (n)
    const T* b; // (n)
    T* y;       // (n)
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> u[N], v[N];
        device::load<N>(a + i, u);
        device::load<N>(b + i, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            u[k] *= v[k];
        device::save<N>(y + i, u, how);
    }
};

} // namespace kernels

template <class T>
void multiply_forward(context& ctx, in<T, 1> a, in<T, 1> b, out<T, 1> y, store how) {
    map<device::full_pack<T>>(ctx, "multiply_forward", y.size(),
                              device::aligned<device::full_pack<T>>(a.data, b.data, y.data),
                              kernels::multiply_value<T>{a.data, b.data, y.data, how});
}

} // namespace pfad::cuda
