// Parallel 3x3 convolutions mixed by a softmax over the branches, as one convolution a sample (PCAR,
// equations 5 and 7 to 9 of the PFADSeg paper). It is linear in the branches, so
//   branch_mix(conv2d(x, w), a) = conv2d(x[n], K[n]) for each sample n
//   K[n,k,...] = sum_b W[n,b,k] w[b*C + k,...],  W = softmax of a over the branches
// x (n, h, w, c), a (n*b, 1, 1, C) with row n*branches + b, w (b*C, 3, 3, c), y (n, h, w, C)
// requires  the extents above; branches >= 1
// gradient  gx = conv2d's with K; G[n] = conv2d's gradient of K[n];
//           gw[b*C + k] = sum_n W[n,b,k] G[n,k];  gW[n,b,k] = <G[n,k], w[b*C + k]>
// saves     W, and x
// precision as conv2d
// cost      a third of conv2d to 3 C channels where branches = 3, and 27 c C multiply-adds a sample
//           for K, which pays where h w is large; backward holds the n gradients of K
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/branch_mix.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {
namespace cpu {

/// The kernel of one sample: k[i,...] = sum_b weights[b,i] w[b*C + i,...]; weights (b, 1, 1, C).
template <class T>
void mix_kernels_forward(context& ctx, in<T, 4> w, in<T, 4> weights, out<T, 4> k) {
    std::int64_t const c = k.extent(0), size = k.size() / c;
    parallel_for(ctx, c, weights.extent(0) * size, [&](std::int64_t begin, std::int64_t end) {
        const wide_sums<T> wide(ctx, size);
        for (std::int64_t i = begin; i < end; ++i) {
            T* const to = k.data + i * size;
            add_rows(wide.start(to, size, store::set), size, weights.data + i, c, w.data + i * size,
                     c * size, weights.extent(0));
            wide.finish(to, size);
        }
    });
}

/// sum of x[i] y[i], in an order that vectorises.
template <class A, class T>
A inner_product(A const* x, T const* y, std::int64_t count) {
    constexpr int lanes = 16;
    A sum[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (int l = 0; l < lanes; ++l)
            sum[l] += x[i + l] * y[i + l];
    for (int l = 0; i < count; ++i, ++l)
        sum[l] += x[i] * y[i];
    for (int l = 1; l < lanes; ++l)
        sum[0] += sum[l];
    return sum[0];
}

/// From the gradients of all samples' kernels, gk (n*C, 3, 3, c). `ga` may be empty.
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
    std::int64_t const c = weights.extent(3), branches = w.extent(0) / c;
    std::int64_t const n = gk.extent(0) / c, size = w.size() / w.extent(0);
    const auto sums = empty<double>(ctx, shape<2>{{n * branches, c}});
    // A channel of every sample and branch at a time, which stays in the cache.
    parallel_for(ctx, c, 2 * n * branches * size, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t b = 0; b < branches; ++b) {
                std::int64_t const row = b * c + i;
                A* const to = gw.data + row * size;
                if (gw_how == store::set)
                    std::fill_n(to, size, A(0));
                add_rows(to, size, weights.data + row, branches * c, gk.data + i * size, c * size,
                         n);
                for (std::int64_t k = 0; k < n; ++k)
                    sums.data()[k * branches * c + row] = static_cast<double>(
                        inner_product(gk.data + (k * c + i) * size, w.data + row * size, size));
            }
    });
    if (ga.data)
        branch_softmax_backward(weights, sums.data(), 1, branches, ga, ga_how);
}

/// Whether branch_conv2d and branch_pyramid_pool are faster than conv2d to three times the channels,
/// spatial_pyramid_pool and branch_mix, for x of these extents: bench_pcar measures both. What they
/// save grows with the pixels, what a sample's kernel costs does not.
inline bool one_kernel_pays(const context&, const shape<4>& x) {
    std::int64_t const pixels = x[1] * x[2];
    return pixels >= 256 && pixels >= x[3];
}

} // namespace cpu

/// Convolves x (n, h, w, c) with each branch of w (branches * C, 3, 3, c), padded by 1, and mixes
/// them by the attention a (n * branches, 1, 1, C). errc::shape where the extents do not fit.
template <class C, class T, class S>
image<T, S> branch_conv2d(tape<C>& t,
                          const image<T, S>& x,
                          const image<T, S>& a,
                          const parameter<T, 4, S>& w,
                          int branches) {
    using A = accumulator_t<T>;
    expect(branches >= 1, "branch_conv2d", "there is at least one branch");
    const std::int64_t n = x.extent(0), c = x.extent(3), out_c = w.dims()[0] / branches;
    expect(w.dims() == shape<4>{{branches * out_c, 3, 3, c}} && w.dims().size() > 0,
           "branch_conv2d", "the weight is (branches * C, 3, 3, c) for (n, h, w, c)", x.dims(),
           w.dims());
    expect(a.dims() == shape<4>{{n * branches, 1, 1, out_c}}, "branch_conv2d",
           "the attention is (n * branches, 1, 1, C)", x.dims(), a.dims());
    expect(x.extent(1) >= 1 && x.extent(2) >= 1, "branch_conv2d", "the image has pixels", x.dims());
    constexpr conv2d_geometry geometry = {1, 1, 1};
    const shape<4> from = {{1, x.extent(1), x.extent(2), c}};
    const shape<4> to = {{1, x.extent(1), x.extent(2), out_c}};
    const shape<4> kernel = {{out_c, 3, 3, c}}, row = {{branches, 1, 1, out_c}};
    auto y = t.result(empty<T>(t.context, shape<4>{{n, to[1], to[2], out_c}}), t.wants(x, a, w));
    const auto weights = empty<T>(t.context, a.dims());
    branch_softmax_forward(t.context, a.value, weights.view(), branches);
    for (std::int64_t k = 0; k < n; ++k) {
        const auto mixed = empty<T>(t.context, kernel);
        mix_kernels_forward(t.context, w.value, weights.slice(k * row.size(), row), mixed.view());
        conv2d_forward(t.context, x.value.slice(k * from.size(), from), mixed, view<const A, 1>{},
                       y.value.slice(k * to.size(), to).view(), geometry);
    }
    if (y.slot)
        t.record([=](C& ctx) {
            if (!y.slot->written())
                return;
            const auto gk = empty<A>(ctx, shape<4>{{n * out_c, 3, 3, c}});
            gradient_target<T, 4> gx = {{}, store::set}, ga = {{}, store::set};
            if (x.slot)
                gx = x.slot->claim(ctx, x.dims());
            if (a.slot)
                ga = a.slot->claim(ctx, a.dims());
            for (std::int64_t k = 0; k < n; ++k) {
                const auto gy = y.gradient().slice(k * to.size(), to);
                conv2d_backward_weight<T>(ctx, x.value.slice(k * from.size(), from), gy,
                                          gk.slice(k * kernel.size(), kernel).view(), store::set,
                                          geometry);
                if (!x.slot)
                    continue;
                const auto mixed = empty<T>(ctx, kernel);
                mix_kernels_forward(ctx, w.value, weights.slice(k * row.size(), row), mixed.view());
                conv2d_backward_input(ctx, gy, mixed,
                                      view<T, 4>{gx.to.data + k * from.size(), from}, gx.how,
                                      geometry);
            }
            auto const gw = w.slot->claim(ctx, w.dims());
            mix_kernels_backward<T>(ctx, w.value, weights, gk, gw.to, gw.how, ga.to, ga.how);
        });
    return y;
}

} // namespace pfad
