// l1_loss: a sum over everything (see device/sum.cuh), a pointwise gradient; 16 bytes a thread and
// array. Bytes: forward 2 x, backward 3 x (4 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/l1_loss.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct l1_term {
    const T* p;    // (n)
    const T* mask; // (n)

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i, double (&sum)[1]) const {
        accumulator_t<T> v[N], m[N];
        device::load<N>(p + i, v);
        device::load<N>(mask + i, m);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0] += std::abs(static_cast<double>(m[k] - v[k]));
    }
};

template <class T>
struct l1_gradient {
    const T* p;                    // (n)
    const T* mask;                 // (n)
    const accumulator_t<T>* gloss; // (1)
    T* gp;                         // (n)
    std::int64_t count;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        using A = accumulator_t<T>;
        A v[N], m[N];
        device::load<N>(p + i, v);
        device::load<N>(mask + i, m);
        const A g = *gloss / static_cast<A>(count);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const A d = v[k] - m[k];
            v[k] = d > A(0) ? g : (d < A(0) ? -g : A(0));
        }
        device::save<N>(gp + i, v, how);
    }
};

} // namespace kernels

template <class T>
void l1_loss_forward(context& ctx, in<T, 1> p, in<T, 1> mask, out<accumulator_t<T>, 1> loss) {
    sum_all<1, device::full_pack<T>>(
        ctx, "l1_loss_forward", p.size(), device::aligned<device::full_pack<T>>(p.data, mask.data),
        kernels::l1_term<T>{p.data, mask.data},
        kernels::mean_result<1, accumulator_t<T>>{loss.data, p.size()});
}

template <class T>
void l1_loss_backward(context& ctx,
                      in<T, 1> p,
                      in<T, 1> mask,
                      in<accumulator_t<T>, 1> gloss,
                      out<T, 1> gp,
                      store how) {
    map<device::full_pack<T>>(
        ctx, "l1_loss_backward", gp.size(),
        device::aligned<device::full_pack<T>>(p.data, mask.data, gp.data),
        kernels::l1_gradient<T>{p.data, mask.data, gloss.data, gp.data, gp.size(), how});
}

} // namespace pfad::cuda
