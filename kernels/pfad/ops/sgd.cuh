// sgd: pointwise in place, 16 bytes a thread and array. Bytes: 5 x.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/sgd.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct sgd_step {
    T* w;       // (n)
    const T* g; // (n)
    T* v;       // (n)
    accumulator_t<T> rate, momentum, decay;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> weight[N], gradient[N], velocity[N];
        device::load<N>(w + i, weight);
        device::load<N>(g + i, gradient);
        device::load<N>(v + i, velocity);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            velocity[k] = momentum * velocity[k] + (gradient[k] + decay * weight[k]);
            weight[k] -= rate * velocity[k];
        }
        device::save<N>(v + i, velocity, store::set);
        device::save<N>(w + i, weight, store::set);
    }
};

} // namespace kernels

template <class T>
void sgd_update(
    context& ctx, out<T, 1> w, in<T, 1> g, out<T, 1> v, double rate, sgd_options options) {
    using A = accumulator_t<T>;
    map<device::full_pack<T>>(ctx, "sgd_update", w.size(), device::aligned(w.data, g.data, v.data),
                              kernels::sgd_step<T>{w.data, g.data, v.data, static_cast<A>(rate),
                                                   static_cast<A>(options.momentum),
                                                   static_cast<A>(options.weight_decay)});
}

} // namespace pfad::cuda
