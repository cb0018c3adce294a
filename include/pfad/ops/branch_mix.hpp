// Sum of branches weighted by a softmax over the branches, per sample and channel (parallel
// convolutional attention recalibration, equations 7 to 9 of the PFADSeg paper).
//   W[n,b,c]   = exp(a[n,b,c]) / sum_k exp(a[n,k,c])
//   y[n,i,j,c] = sum_b W[n,b,c] f[n,i,j,b*C + c]
// f (n, h, w, b*C), a (n*b, 1, 1, C) with row n*branches + b, y (n, h, w, C)
// requires  the extents above; branches >= 1
// gradient  gf = W gy;  gW = sum_{i,j} f gy;  ga = W (gW - sum_k W gW)
// saves     W, and f
// precision gW is summed in double
// cost      forward 1 read of f, 1 write; backward reads f and gy, writes gf
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace pfad {
namespace cpu {

/// weights[n,b,c] = exp(a[n,b,c]) / sum_k exp(a[n,k,c]), both (n * branches, 1, 1, c).
template <class T>
void branch_softmax_forward(context& ctx, in<T, 4> a, out<T, 4> weights, std::int64_t branches) {
    using A = accumulator_t<T>;
    const std::int64_t c = a.extent(3);
    const wide_sums<T> wide(ctx, branches * c);
    for (std::int64_t k = 0; k < a.extent(0) / branches; ++k) {
        T* const stored = weights.data + k * branches * c;
        for (std::int64_t i = 0; i < c; ++i) {
            const T* const from = a.data + k * branches * c + i;
            A* const to = wide.of(stored) + i;
            A largest = from[0];
            for (std::int64_t b = 1; b < branches; ++b)
                largest = std::max(largest, static_cast<A>(from[b * c]));
            A sum = 0;
            for (std::int64_t b = 0; b < branches; ++b)
                sum += to[b * c] = std::exp(from[b * c] - largest);
            for (std::int64_t b = 0; b < branches; ++b)
                to[b * c] /= sum;
        }
        wide.finish(stored, branches * c);
    }
}

/// y (n, h, w, C) from the branches f (n, h, w, b C) and their weights (n b, 1, 1, C).
template <class T>
void branch_mix_forward(context& ctx, in<T, 4> f, in<T, 4> weights, out<T, 4> y) {
    const std::int64_t n = y.extent(0), area = y.extent(1) * y.extent(2), c = y.extent(3);
    const std::int64_t branches = f.extent(3) / c;
    parallel_for(ctx, n * area, f.extent(3), [&](std::int64_t begin, std::int64_t end) {
        const wide_sums<T> wide(ctx, c);
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            T* const to = y.data + pixel * c;
            add_products(wide.start(to, c, store::set), f.data + pixel * branches * c, c,
                         weights.data + pixel / area * branches * c, c, c, branches);
            wide.finish(to, c);
        }
    });
}

/// sum[b c + i] += f[pixel, b c + i] gy[pixel, i] over `count` pixels.
template <class T>
void add_products(double* __restrict sum,
                  const T* f,
                  const T* gy,
                  std::int64_t count,
                  std::int64_t branches,
                  std::int64_t c) {
    for (std::int64_t b = 0; b < branches; ++b, sum += c, f += c) {
        const std::int64_t step = branches * c;
        std::int64_t k = 0;
        for (; k + 4 <= count; k += 4) {
            const T* const x = f + k * step;
            const T* const g = gy + k * c;
            for (std::int64_t i = 0; i < c; ++i)
                sum[i] += (static_cast<double>(x[i] * g[i]) +
                           static_cast<double>(x[step + i] * g[c + i])) +
                          (static_cast<double>(x[2 * step + i] * g[2 * c + i]) +
                           static_cast<double>(x[3 * step + i] * g[3 * c + i]));
        }
        for (; k < count; ++k)
            for (std::int64_t i = 0; i < c; ++i)
                sum[i] += static_cast<double>(f[k * step + i] * gy[k * c + i]);
    }
}

/// ga[n,b,c] = W (gW - sum_k W gW) from the sums gW of `chunks` parts a sample.
template <class T>
void branch_softmax_backward(
    in<T, 4> weights, double* sums, int chunks, std::int64_t branches, out<T, 4> ga, store how) {
    using A = accumulator_t<T>;
    const std::int64_t c = ga.extent(3);
    for (std::int64_t k = 0; k < ga.extent(0) / branches; ++k) {
        double* const gw = sums + k * chunks * branches * c;
        sum_rows(gw, gw + branches * c, chunks - 1, branches * c, branches * c);
        for (std::int64_t i = 0; i < c; ++i) {
            const T* const weight = weights.data + k * branches * c + i;
            double mean = 0;
            for (std::int64_t b = 0; b < branches; ++b)
                mean += static_cast<double>(weight[b * c]) * gw[b * c + i];
            for (std::int64_t b = 0; b < branches; ++b)
                put(ga.data[(k * branches + b) * c + i],
                    static_cast<A>(static_cast<double>(weight[b * c]) * (gw[b * c + i] - mean)),
                    how);
        }
    }
}

/// Either gradient may be empty: it is then left out.
template <class T>
void branch_mix_backward(context& ctx,
                         in<T, 4> f,
                         in<T, 4> weights,
                         in<T, 4> gy,
                         out<T, 4> gf,
                         store gf_how,
                         out<T, 4> ga,
                         store ga_how) {
    const std::int64_t n = gy.extent(0), area = gy.extent(1) * gy.extent(2), c = gy.extent(3);
    const std::int64_t branches = f.extent(3) / c;
    const auto split = fixed_chunks::of(area, rows_worth(branches * c));
    const int chunks = split.size();
    const auto sums = full(ctx, shape<2>{{n * chunks, branches * c}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * chunks, [&](int part) {
        const std::int64_t sample = part / chunks, start = sample * area;
        const std::int64_t begin = part % chunks * split.chunk;
        const std::int64_t end = std::min(area, begin + split.chunk);
        // Four pixels in the cache for both gradients.
        for (std::int64_t at = start + begin; at < start + end; at += 4) {
            const std::int64_t count = std::min<std::int64_t>(4, start + end - at);
            if (ga.data)
                add_products(sums.data() + part * branches * c, f.data + at * branches * c,
                             gy.data + at * c, count, branches, c);
            if (gf.data)
                for (std::int64_t k = 0; k < count * branches; ++k) {
                    const T* const weight = weights.data + (sample * branches + k % branches) * c;
                    const T* const g = gy.data + (at + k / branches) * c;
                    T* const __restrict to = gf.data + (at * branches + k) * c;
                    for (std::int64_t i = 0; i < c; ++i)
                        put(to[i], weight[i] * g[i], gf_how);
                }
        }
    });
    if (ga.data)
        branch_softmax_backward(weights, sums.data(), chunks, branches, ga, ga_how);
}

} // namespace cpu

/// Mixes the `branches` groups of channels of f (n, h, w, branches * c) by the attention
/// a (n * branches, 1, 1, c). errc::shape where the extents do not fit.
template <class C, class T, class S>
maps<T, S> branch_mix(tape<C>& t, const maps<T, S>& f, const maps<T, S>& a, int branches) {
    expect(branches >= 1, "branch_mix", "there is at least one branch");
    const shape<4> wanted = {{f.extent(0) * branches, 1, 1, f.extent(3) / branches}};
    expect(f.extent(3) % branches == 0 && f.extent(3) > 0 && a.dims() == wanted, "branch_mix",
           "the attention is (n * branches, 1, 1, c) for features (n, h, w, branches * c)",
           f.dims(), a.dims());
    const shape<4> dims = {{f.extent(0), f.extent(1), f.extent(2), f.extent(3) / branches}};
    auto y = t.result(empty<T>(t.context, dims), t.wants(f, a));
    const auto weights = empty<T>(t.context, a.dims());
    branch_softmax_forward(t.context, a.value, weights.view(), branches);
    branch_mix_forward(t.context, f.value, weights, y.value.view());
    t.record(y, [f, a, weights](C& ctx, in<T, 4> gy) {
        gradient_target<T, 4> gf = {{}, store::set}, ga = {{}, store::set};
        if (f.slot)
            gf = f.slot->claim(ctx, f.dims());
        if (a.slot)
            ga = a.slot->claim(ctx, a.dims());
        branch_mix_backward(ctx, f.value, weights, gy, gf.to, gf.how, ga.to, ga.how);
    });
    return y;
}

} // namespace pfad
