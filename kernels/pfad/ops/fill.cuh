// fill: 16 bytes a thread. Bytes: 1 x.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/fill.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct fill_value {
    T value;
    T* y; // (n)

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> v[N];
#pragma unroll
        for (int k = 0; k < N; ++k)
            v[k] = static_cast<accumulator_t<T>>(value);
        device::save<N>(y + i, v, store::set);
    }
};

} // namespace kernels

template <class T>
void fill_forward(context& ctx, std::type_identity_t<T> value, out<T, 1> y) {
    map<device::full_pack<T>>(ctx, "fill_forward", y.size(),
                              device::aligned<device::full_pack<T>>(y.data),
                              kernels::fill_value<T>{value, y.data});
}

} // namespace pfad::cuda
