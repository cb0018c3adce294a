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
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {
namespace cpu {

/// The kernel of one sample: k[i,...] = sum_b weights[b,i] w[b*C + i,...]; weights (b, 1, 1, C).
template <class T>
void mix_kernels_forward(context& ctx, in<T, 4> w, in<T, 4> weights, out<T, 4> k) {
    const std::int64_t c = k.extent(0), size = k.size() / c;
    parallel_for(ctx, c, weights.extent(0) * size, [&](std::int64_t begin, std::int64_t end) {
        const wide_sums<T> wide(ctx, size);
        for (std::int64_t i = begin; i < end; ++i) {
            T* const to = k.data + i * size;
            add_weighted_rows(wide.start(to, size, store::set), weights.data + i, c,
                              w.data + i * size, c * size, size, weights.extent(0));
            wide.finish(to, size);
        }
    });
}

/// sum of x[i] y[i], in an order that vectorises.
template <class A, class T>
A inner_product(const A* x, const T* y, std::int64_t count) {
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
    const std::int64_t c = weights.extent(3), branches = w.extent(0) / c;
    const std::int64_t n = gk.extent(0) / c, size = w.size() / w.extent(0);
    const auto sums = empty<double>(ctx, shape<2>{{n * branches, c}});
    // A channel of every sample and branch at a time, which stays in the cache.
    parallel_for(ctx, c, 2 * n * branches * size, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t b = 0; b < branches; ++b) {
                const std::int64_t row = b * c + i;
                A* const to = gw.data + row * size;
                if (gw_how == store::set)
                    std::fill_n(to, size, A(0));
                add_weighted_rows(to, weights.data + row, branches * c, gk.data + i * size,
                                  c * size, size, n);
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
    const std::int64_t pixels = x[1] * x[2];
    return pixels >= 256 && pixels >= x[3];
}

} // namespace cpu

/// The extents that branch_conv2d works with.
struct branch_conv2d_shapes {
    /// 3x3 that keeps the size.
    static constexpr conv2d_geometry geometry = {1, 1, 1};
    shape<4> y; ///< the result
    /// Input and result of one sample.
    shape<4> from, to;
    shape<4> kernel;     ///< of one sample
    shape<4> weight_row; ///< the branches' weights for one sample

    /// errc::shape where the extents of input, attention and weight do not fit.
    branch_conv2d_shapes(const shape<4>& x, const shape<4>& a, const shape<4>& w, int branches) {
        expect(branches >= 1, "branch_conv2d", "there is at least one branch");
        const std::int64_t n = x[0], c = x[3], out_c = w[0] / branches;
        expect(w == shape<4>{{branches * out_c, 3, 3, c}} && w.size() > 0, "branch_conv2d",
               "the weight is (branches * C, 3, 3, c) for (n, h, w, c)", x, w);
        expect(a == shape<4>{{n * branches, 1, 1, out_c}}, "branch_conv2d",
               "the attention is (n * branches, 1, 1, C)", x, a);
        expect(x[1] >= 1 && x[2] >= 1, "branch_conv2d", "the image has pixels", x);
        y = {{n, x[1], x[2], out_c}};
        from = {{1, x[1], x[2], c}};
        to = {{1, x[1], x[2], out_c}};
        kernel = {{out_c, 3, 3, c}};
        weight_row = {{branches, 1, 1, out_c}};
    }
};

/// The kernel of sample k.
template <class C, class T, class S>
[[nodiscard]] tensor<T, 4, S> kernel_of_sample(C& ctx,
                                               const parameter<T, 4, S>& w,
                                               const tensor<T, 4, S>& weights,
                                               const branch_conv2d_shapes& s,
                                               std::int64_t k) {
    auto result = empty<T>(ctx, s.kernel);
    mix_kernels_forward(ctx, w.value, weights.slice(k * s.weight_row.size(), s.weight_row),
                        result.view());
    return result;
}

/// Convolves x (n, h, w, c) with each branch of w (branches * C, 3, 3, c), padded by 1, and mixes
/// them by the attention a (n * branches, 1, 1, C). errc::shape where the extents do not fit.
template <class C, class T, class S>
maps<T, S> branch_conv2d(tape<C>& t,
                         const maps<T, S>& x,
                         const maps<T, S>& a,
                         const parameter<T, 4, S>& w,
                         int branches) {
    using A = accumulator_t<T>;
    const branch_conv2d_shapes s(x.dims(), a.dims(), w.dims(), branches);
    auto y = t.result(empty<T>(t.context, s.y), t.wants(x, a, w));
    const auto weights = empty<T>(t.context, a.dims());
    branch_softmax_forward(t.context, a.value, weights.view(), branches);
    for (std::int64_t k = 0; k < s.y[0]; ++k) {
        const auto mixed = kernel_of_sample(t.context, w, weights, s, k);
        conv2d_forward(t.context, x.value.slice(k * s.from.size(), s.from), mixed,
                       view<const A, 1>{}, y.value.slice(k * s.to.size(), s.to).view(), s.geometry);
    }
    t.record(y, [x, a, w, weights, s](C& ctx, in<T, 4> gy) {
        const std::int64_t n = s.y[0];
        const auto gk =
            empty<A>(ctx, shape<4>{{n * s.kernel[0], s.kernel[1], s.kernel[2], s.kernel[3]}});
        gradient_target<T, 4> gx = {{}, store::set}, ga = {{}, store::set};
        if (x.slot)
            gx = x.slot->claim(ctx, x.dims());
        if (a.slot)
            ga = a.slot->claim(ctx, a.dims());
        for (std::int64_t k = 0; k < n; ++k) {
            const in<T, 4> gy_k = {gy.data + k * s.to.size(), s.to};
            conv2d_backward_weight<T>(ctx, x.value.slice(k * s.from.size(), s.from), gy_k,
                                      gk.slice(k * s.kernel.size(), s.kernel).view(), store::set,
                                      s.geometry);
            if (!x.slot)
                continue;
            const auto mixed = kernel_of_sample(ctx, w, weights, s, k);
            conv2d_backward_input(ctx, gy_k, mixed,
                                  view<T, 4>{gx.to.data + k * s.from.size(), s.from}, gx.how,
                                  s.geometry);
        }
        const auto gw = w.slot->claim(ctx, w.dims());
        mix_kernels_backward<T>(ctx, w.value, weights, gk, gw.to, gw.how, ga.to, ga.how);
    });
    return y;
}

/// batch_norm(branch_conv2d(x, a, w), p, after, residual), sample by sample where nothing is to be
/// differentiated and the statistics are constants.
template <class C, class T, class S>
maps<T, S> branch_conv2d_batch_norm(tape<C>& t,
                                    const maps<T, S>& x,
                                    const maps<T, S>& a,
                                    const parameter<T, 4, S>& w,
                                    int branches,
                                    const batch_norm_parameters<T, S>& p,
                                    post after = post::none,
                                    const maps<T, S>& residual = {},
                                    batch_norm_options options = {}) {
    if (!fuses_batch_norm(t, x, a, w, p.weight, residual))
        return batch_norm(t, branch_conv2d(t, x, a, w, branches), p, after, residual, options);
    const branch_conv2d_shapes s(x.dims(), a.dims(), w.dims(), branches);
    check_batch_norm(s.y, p, residual);
    auto y = empty<T>(t.context, s.y);
    const auto weights = empty<T>(t.context, a.dims());
    branch_softmax_forward(t.context, a.value, weights.view(), branches);
    for (std::int64_t k = 0; k < s.y[0]; ++k) {
        const auto mixed = kernel_of_sample(t.context, w, weights, s, k);
        const auto more =
            residual.value ? residual.value.slice(k * s.to.size(), s.to) : tensor<T, 4, S>();
        conv2d_batch_norm_forward(t.context, x.value.slice(k * s.from.size(), s.from), mixed,
                                  view<const accumulator_t<T>, 1>{},
                                  y.slice(k * s.to.size(), s.to).view(), s.geometry, weight_stamp(),
                                  running_norm(p, after, options.epsilon), more);
    }
    return constant(std::move(y));
}

} // namespace pfad
