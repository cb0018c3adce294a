// focal_l1_loss: both sums in one pass over everything (see device/sum.cuh), a pointwise gradient;
// 16 bytes a thread and array. Bytes: forward 2 x, backward 3 x (4 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/add.cuh>
#include <pfad/ops/focal_l1_loss.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct focal_l1_term {
    const T* z;    // (n)
    const T* mask; // (n)
    double gamma;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i, double (&sum)[2]) const {
        using A = accumulator_t<T>;
        A v[N], m[N];
        device::load<N>(z + i, v);
        device::load<N>(mask + i, m);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const double s = static_cast<double>(m[k] >= A(0.5) ? v[k] : -v[k]);
            const double u = math::sigmoid(-s), l = math::softplus(-s);
            sum[0] += std::pow(u, gamma) * (l > 100.0 ? 100.0 : l);
            sum[1] += u;
        }
    }
};

template <class T>
struct focal_l1_gradient {
    const T* z;                    // (n)
    const T* mask;                 // (n)
    const accumulator_t<T>* gloss; // (1)
    T* gz;                         // (n)
    std::int64_t count;
    double gamma;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        using A = accumulator_t<T>;
        A v[N], m[N];
        device::load<N>(z + i, v);
        device::load<N>(mask + i, m);
        const double g = static_cast<double>(*gloss) / static_cast<double>(count);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const bool anomalous = m[k] >= A(0.5);
            const double s = static_cast<double>(anomalous ? v[k] : -v[k]);
            const double u = math::sigmoid(-s), l = math::softplus(-s);
            // Past the clamp the logarithm is a constant.
            const double focal = std::pow(u, gamma) *
                                 (gamma * (1 - u) * (l > 100.0 ? 100.0 : l) + (l < 100 ? u : 0));
            const double slope = -(focal + u * (1 - u)) * g;
            v[k] = static_cast<A>(anomalous ? slope : -slope);
        }
        device::save<N>(gz + i, v, how);
    }
};

} // namespace kernels

/// parts[0] = focal, parts[1] = l1.
template <class T>
void focal_l1_loss_forward(
    context& ctx, in<T, 1> z, in<T, 1> mask, double gamma, out<accumulator_t<T>, 1> parts) {
    sum_all<2, device::full_pack<T>>(
        ctx, "focal_l1_loss_forward", z.size(),
        device::aligned<device::full_pack<T>>(z.data, mask.data),
        kernels::focal_l1_term<T>{z.data, mask.data, gamma},
        kernels::mean_result<2, accumulator_t<T>>{parts.data, z.size()});
}

template <class T>
void focal_l1_loss_backward(context& ctx,
                            in<T, 1> z,
                            in<T, 1> mask,
                            double gamma,
                            in<accumulator_t<T>, 1> gloss,
                            out<T, 1> gz,
                            store how) {
    map<device::full_pack<T>>(ctx, "focal_l1_loss_backward", gz.size(),
                              device::aligned<device::full_pack<T>>(z.data, mask.data, gz.data),
                              kernels::focal_l1_gradient<T>{z.data, mask.data, gloss.data, gz.data,
                                                            gz.size(), gamma, how});
}

} // namespace pfad::cuda
