// branch_conv2d, around the convolutions of whatever backend has them. A sample's kernel and the
// gradient of the branches' kernels: pointwise, 16 bytes a thread and array. The gradient of the
// branches' weights: a block a sample, branch and channel, whose threads share the inner product.
// Bytes: forward w + K; backward w + (1 + branches) gk + gw (2 gw when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/branch_conv2d.hpp>
#include <pfad/ops/branch_mix.cuh>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct mixed_kernel {
    const T* w;       // (branches, c, size)
    const T* weights; // (branches, c)
    T* k;             // (c, size)
    std::int64_t branches, c, size;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> sum[N] = {};
        for (std::int64_t b = 0; b < branches; ++b) {
            accumulator_t<T> v[N];
            device::load<N>(w + b * c * size + i, v);
            const auto weight = static_cast<accumulator_t<T>>(weights[b * c + i / size]);
#pragma unroll
            for (int j = 0; j < N; ++j)
                sum[j] += weight * v[j];
        }
        device::save<N>(k + i, sum, store::set);
    }
};

template <class T>
struct mixed_kernel_gradient {
    const T* weights;           // (n, branches, c)
    const accumulator_t<T>* gk; // (n, c, size)
    accumulator_t<T>* gw;       // (branches, c, size)
    std::int64_t n, branches, c, size;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t row = i / size, at = row % c * size + (i - row * size);
        accumulator_t<T> sum[N] = {};
        for (std::int64_t sample = 0; sample < n; ++sample) {
            accumulator_t<T> v[N];
            device::load<N>(gk + sample * c * size + at, v);
            const auto weight = static_cast<accumulator_t<T>>(weights[sample * branches * c + row]);
#pragma unroll
            for (int j = 0; j < N; ++j)
                sum[j] += weight * v[j];
        }
        device::save<N>(gw + i, sum, how);
    }
};

struct mixed_kernel_products_tag;

/// Geometry: a block of four warps a row of gweights.
template <class T>
__global__ void __launch_bounds__(128)
    mixed_kernel_products_kernel(const T* w,                 // (branches, c, size)
                                 const accumulator_t<T>* gk, // (n, c, size)
                                 accumulator_t<T>* gweights, // (n, branches, c)
                                 std::int64_t branches,
                                 std::int64_t c,
                                 std::int64_t size) {
    const std::int64_t row = blockIdx.x, sample = row / (branches * c), channel = row % c;
    const T* const kernel = w + row % (branches * c) * size;
    const accumulator_t<T>* const g = gk + (sample * c + channel) * size;
    accumulator_t<T> part = 0;
    for (std::int64_t i = threadIdx.x; i < size; i += 128)
        part += static_cast<accumulator_t<T>>(kernel[i]) * g[i];
    double sum[1] = {static_cast<double>(part)};
    device::block_sum<1, 4, mixed_kernel_products_tag>(sum);
    if (threadIdx.x == 0)
        gweights[row] = static_cast<accumulator_t<T>>(sum[0]);
}

} // namespace kernels

template <class T>
void mix_kernels_forward(context& ctx, in<T, 4> w, in<T, 4> weights, out<T, 4> k) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = k.extent(0), size = k.size() / c;
    map<n>(ctx, "mix_kernels_forward", k.size(),
           size % n == 0 && device::aligned<n>(w.data, k.data),
           kernels::mixed_kernel<T>{w.data, weights.data, k.data, weights.extent(0), c, size});
}

template <class T>
void mix_kernels_backward(context& ctx,
                          in<T, 4> w,
                          in<T, 4> weights,
                          in<accumulator_t<T>, 4> gk,
                          out<accumulator_t<T>, 4> gw,
                          store gw_how,
                          out<T, 4> ga,
                          store ga_how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<A>;
    const std::int64_t c = weights.extent(3), branches = w.extent(0) / c;
    const std::int64_t samples = gk.extent(0) / c, size = w.size() / w.extent(0);
    map<n>(ctx, "mix_kernels_backward", gw.size(),
           size % n == 0 && device::aligned<n>(gk.data, gw.data),
           kernels::mixed_kernel_gradient<T>{weights.data, gk.data, gw.data, samples, branches, c,
                                             size, gw_how});
    if (!ga.data)
        return;
    const auto gweights = empty<A>(ctx, shape<2>{{samples * branches, c}});
    launch(ctx, "mix_kernels_backward", {static_cast<unsigned>(gweights.size()), 128},
           kernels::mixed_kernel_products_kernel<T>, w.data, gk.data, gweights.data(), branches, c,
           size);
    map<1>(ctx, "mix_kernels_backward", samples * c, false,
           kernels::branch_softmax_gradient<T>{weights.data, gweights.data(), ga.data, branches, c,
                                               ga_how});
}

/// See the plain loops'. No GPU has measured it: a batch of small convolutions may leave one idle.
inline bool one_kernel_pays(const context&, const shape<4>&) {
    return false;
}

} // namespace pfad::cuda
