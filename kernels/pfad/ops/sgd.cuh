// sgd: pointwise in place, 16 bytes a thread and array (8 of the rounded weights). Bytes: 5 x, and
// the rounded weights.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/sgd.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct sgd_step {
    accumulator_t<T>* w;           // (n)
    const accumulator_t<T>* g;     // (n)
    accumulator_t<T>* v;           // (n)
    T* rounded;                    // (n) or null
    const accumulator_t<T>* scale; // of the rate
    accumulator_t<T> rate, momentum, decay;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> weight[N], gradient[N], velocity[N];
        const accumulator_t<T> lr = rate * *scale;
        device::load<N>(w + i, weight);
        device::load<N>(g + i, gradient);
        device::load<N>(v + i, velocity);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            velocity[k] = momentum * velocity[k] + (gradient[k] + decay * weight[k]);
            weight[k] -= lr * velocity[k];
        }
        device::save<N>(v + i, velocity, store::set);
        device::save<N>(w + i, weight, store::set);
        if (rounded)
            device::save<N>(rounded + i, weight, store::set);
    }
};

} // namespace kernels

template <class T>
void sgd_update(context& ctx,
                out<accumulator_t<T>, 1> w,
                in<accumulator_t<T>, 1> g,
                out<accumulator_t<T>, 1> v,
                out<T, 1> rounded,
                double rate,
                in<accumulator_t<T>, 1> scale,
                sgd_options options) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<A>;
    map<n>(ctx, "sgd_update", w.size(), device::aligned<n>(w.data, g.data, v.data, rounded.data),
           kernels::sgd_step<T>{w.data, g.data, v.data, rounded.data, scale.data,
                                static_cast<A>(rate), static_cast<A>(options.momentum),
                                static_cast<A>(options.weight_decay)});
}

} // namespace pfad::cuda
