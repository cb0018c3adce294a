// conv2d_batch_norm. Of networks that stay as they are one convolution of a vendor's library that ends
// with residual, offset and ReLU; else that of the op: the convolution, and batch_norm's pass.
// fold_batch_norm: pointwise over the weight, 16 bytes a thread and array; the thread of a filter's
// first element has its offset, too. Bytes: 2 w, once in the life of the network.
#pragma once

#include <pfad/cuda/fixed_networks.hpp>
#include <pfad/device/map.cuh>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <cmath>
#include <concepts>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct folded_value {
    using A = accumulator_t<T>;

    const T* w;        // (k, size)
    const A* b;        // (k) or null
    const A* weight;   // (k)
    const A* bias;     // (k)
    const A* mean;     // (k)
    const A* variance; // (k)
    T* to;             // (k, size)
    T* offset;         // (k)
    std::int64_t size;
    A epsilon;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t k = i / size;
        const A scale = weight[k] / std::sqrt(variance[k] + epsilon);
        A u[N];
        device::load<N>(w + i, u);
#pragma unroll
        for (int j = 0; j < N; ++j)
            u[j] *= scale;
        device::save<N>(to + i, u, store::set);
        if (i == k * size)
            offset[k] = static_cast<T>(bias[k] + ((b ? b[k] : A(0)) - mean[k]) * scale);
    }
};

} // namespace kernels

/// conv2d(x, to) + offset is then batch_norm(conv2d(x, w, b)); b may be empty.
template <class T>
void fold_batch_norm(context& ctx,
                     in<T, 4> w,
                     in<accumulator_t<T>, 1> b,
                     const norm_view<T>& norm,
                     out<T, 4> to,
                     out<T, 1> offset) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t size = w.size() / std::max<std::int64_t>(w.extent(0), 1);
    map<n>(ctx, "fold_batch_norm", w.size(), size % n == 0 && device::aligned<n>(w.data, to.data),
           kernels::folded_value<T>{w.data, b.data, norm.weight.data, norm.bias.data,
                                    norm.mean.data, norm.variance.data, to.data, offset.data, size,
                                    static_cast<accumulator_t<T>>(norm.epsilon)});
}

/// On any GPU's context that has convolutions.
template <std::derived_from<context> C, class T>
void conv2d_batch_norm_forward(C& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<accumulator_t<T>, 1> b,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const norm_view<T>& norm,
                               in<T, 4> residual) {
    if (!ctx.fixed || !stamp.identity()) {
        pfad::conv2d_batch_norm_forward<C, T>(ctx, x, w, b, y, g, stamp, norm, residual);
        return;
    }
    const fixed_networks::key key = {
        stamp.identity(),
        stamp.version(),
        {w.data, b.data, norm.weight.data, norm.bias.data, norm.mean.data, norm.variance.data},
        norm.epsilon,
        &ctx};
    const auto& copy = ctx.fixed->template of<T>(key, [&] {
        folded_filter<T> made = {empty<T>(ctx, w.dims), empty<T>(ctx, norm.mean.dims)};
        fold_batch_norm(ctx, w, b, norm, made.weight.view(), made.bias.view());
        return made;
    });
    conv2d_epilogue_forward<T>(ctx, x, copy.weight, copy.bias, residual, norm.after, y, g);
}

} // namespace pfad::cuda
