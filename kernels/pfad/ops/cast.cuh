// cast: pointwise, 16 bytes a thread of the narrower array. Bytes: x + y.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/cast.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace kernels {

template <class From, class To>
struct cast_value {
    const From* x; // (n)
    To* y;         // (n)

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<From> u[N];
        accumulator_t<To> v[N];
        device::load<N>(x + i, u);
#pragma unroll
        for (int k = 0; k < N; ++k)
            v[k] = static_cast<accumulator_t<To>>(u[k]);
        device::save<N>(y + i, v, store::set);
    }
};

} // namespace kernels

template <class From, class To>
void cast_forward(context& ctx, in<From, 1> x, out<To, 1> y) {
    constexpr int n = std::max(device::full_pack<From>, device::full_pack<To>);
    map<n>(ctx, "cast_forward", y.size(), device::aligned<n>(x.data, y.data),
           kernels::cast_value<From, To>{x.data, y.data});
}

} // namespace pfad::cuda
