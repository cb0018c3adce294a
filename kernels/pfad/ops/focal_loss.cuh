// focal_loss: a sum over everything (see device/sum.cuh), a pointwise gradient; 16 bytes a thread
// and array. Bytes: forward 2 x, backward 3 x (4 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/focal_loss.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct focal_term {
    const T* p;    // (n)
    const T* mask; // (n)
    double gamma;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i, double (&sum)[1]) const {
        accumulator_t<T> v[N], m[N];
        device::load<N>(p + i, v);
        device::load<N>(mask + i, m);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const double a = static_cast<double>(m[k]), b = static_cast<double>(v[k]);
            const double q = a * b + (1 - a) * (1 - b), log_q = std::log(q);
            sum[0] -= std::pow(1 - q, gamma) * (log_q < -100.0 ? -100.0 : log_q);
        }
    }
};

template <class T>
struct focal_gradient {
    const T* p;                    // (n)
    const T* mask;                 // (n)
    const accumulator_t<T>* gloss; // (1)
    T* gp;                         // (n)
    std::int64_t count;
    double gamma;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        using A = accumulator_t<T>;
        A v[N], m[N];
        device::load<N>(p + i, v);
        device::load<N>(mask + i, m);
        const double g = static_cast<double>(*gloss) / static_cast<double>(count);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const double a = static_cast<double>(m[k]), b = static_cast<double>(v[k]);
            const double q = a * b + (1 - a) * (1 - b), log_q = std::log(q);
            const double rise = gamma == 0 ? 0 : gamma * std::pow(1 - q, gamma - 1);
            const double fall = log_q >= -100.0 ? std::pow(1 - q, gamma) / q : 0;
            const double clamped = log_q < -100.0 ? -100.0 : log_q;
            v[k] = static_cast<A>((2 * a - 1) * g * (rise * clamped - fall));
        }
        device::save<N>(gp + i, v, how);
    }
};

} // namespace kernels

template <class T>
void focal_loss_forward(
    context& ctx, in<T, 1> p, in<T, 1> mask, double gamma, out<accumulator_t<T>, 1> loss) {
    sum_all<1, device::full_pack<T>>(
        ctx, "focal_loss_forward", p.size(),
        device::aligned<device::full_pack<T>>(p.data, mask.data),
        kernels::focal_term<T>{p.data, mask.data, gamma},
        kernels::mean_result<1, accumulator_t<T>>{loss.data, p.size()});
}

template <class T>
void focal_loss_backward(context& ctx,
                         in<T, 1> p,
                         in<T, 1> mask,
                         double gamma,
                         in<accumulator_t<T>, 1> gloss,
                         out<T, 1> gp,
                         store how) {
    map<device::full_pack<T>>(
        ctx, "focal_loss_backward", gp.size(),
        device::aligned<device::full_pack<T>>(p.data, mask.data, gp.data),
        kernels::focal_gradient<T>{p.data, mask.data, gloss.data, gp.data, gp.size(), gamma, how});
}

} // namespace pfad::cuda
