// Depthwise 2-D convolution (cross-correlation), one filter a channel, 'same' zero padding.
//   y[n,i,j,c] = b[c] + sum_{r,s} x[n, i + r - R/2, j + s - S/2, c] w[0,r,s,c]
// x (n, h, w, c), w (1, r, s, c), b (c), y as x
// requires  odd r and s; equal c
// gradient  three named functions: input (the mirrored filter), weight, bias
// precision accumulates in T, of bf16 in float; the weight gradient a row so, rows in double
// cost      n h w c r s multiply-adds each way; 1 read 1 write, strips 1 x S and R x 1 alike
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace pfad {
namespace cpu {

/// Whether the taps run forwards or mirrored, as the gradient of the input wants them.
enum class tap_order : bool { straight, mirrored };

/// The filter over rows of x; y is set, or added to without a bias.
template <class T>
void depthwise_filter(context& ctx,
                      in<T, 4> x,
                      in<T, 4> w,
                      in<accumulator_t<T>, 1> b,
                      out<T, 4> y,
                      store how,
                      tap_order order) {
    using A = accumulator_t<T>;
    const std::int64_t h = x.extent(1), wd = x.extent(2), c = x.extent(3);
    const std::int64_t kr = w.extent(1), ks = w.extent(2);
    const std::int64_t sign = order == tap_order::straight ? 1 : -1;
    const T* const origin = w.data + (sign > 0 ? 0 : (kr * ks - 1) * c);
    parallel_for(ctx, x.extent(0) * h, wd * c * kr * ks, [&](std::int64_t begin, std::int64_t end) {
        const wide_sums<T> wide(ctx, c);
        for (std::int64_t row = begin; row < end; ++row) {
            const auto rs = tap_range::of(row % h - kr / 2, 1, kr, h);
            for (std::int64_t j = 0; j < wd; ++j) {
                T* const stored = y.data + (row * wd + j) * c;
                A* const to = b.data ? wide.of(stored) : wide.start(stored, c, how);
                if (b.data)
                    std::copy_n(b.data, c, to);
                const auto ss = tap_range::of(j - ks / 2, 1, ks, wd);
                const std::int64_t taps_down = rs.last - rs.first;
                const std::int64_t taps_right = ss.last - ss.first;
                const T* const from =
                    x.data + ((row + rs.first - kr / 2) * wd + j + ss.first - ks / 2) * c;
                const T* const weight = origin + sign * (rs.first * ks + ss.first) * c;
                // The longer direction of the filter is the inner one.
                if (ks >= kr)
                    for (std::int64_t r = 0; r < taps_down; ++r)
                        add_products(to, from + r * wd * c, c, weight + sign * r * ks * c, sign * c,
                                     c, taps_right);
                else
                    for (std::int64_t s = 0; s < taps_right; ++s)
                        add_products(to, from + s * c, wd * c, weight + sign * s * c, sign * ks * c,
                                     c, taps_down);
                wide.finish(stored, c);
            }
        }
    });
}

/// `b` may be empty.
template <class T>
void depthwise_conv2d_forward(
    context& ctx, in<T, 4> x, in<T, 4> w, in<accumulator_t<T>, 1> b, out<T, 4> y) {
    depthwise_filter<T>(ctx, x, w, b, y, store::set, tap_order::straight);
}

/// gx (n, h, w, c) from gy of the same extents and w (1, r, s, c).
template <class T>
void depthwise_conv2d_backward_input(
    context& ctx, in<T, 4> gy, in<T, 4> w, out<T, 4> gx, store how) {
    depthwise_filter<T>(ctx, gy, w, {}, gx, how, tap_order::mirrored);
}

/// gw[0,r,s,c] = sum over n, i, j of gy[n,i,j,c] x[n, i + r - R/2, j + s - S/2, c].
template <class T>
void depthwise_conv2d_backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<accumulator_t<T>, 4> gw, store how) {
    using A = accumulator_t<T>;
    const std::int64_t h = x.extent(1), wd = x.extent(2), c = x.extent(3);
    const std::int64_t kr = gw.extent(1), ks = gw.extent(2);
    const auto split = fixed_chunks::of(x.extent(0) * h, rows_worth(wd * c));
    const auto partial = full(ctx, shape<2>{{split.size(), gw.size()}}, 0.0);
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        const auto sums = empty<A>(ctx, gw.dims);
        for (std::int64_t row = begin; row < end; ++row) {
            std::fill_n(sums.data(), sums.size(), A(0));
            const auto rs = tap_range::of(row % h - kr / 2, 1, kr, h);
            // Eight pixels at a time stay in the first cache while all taps pass over them.
            for (std::int64_t block = 0; block < wd; block += 8)
                for (std::int64_t r = rs.first; r < rs.last; ++r)
                    for (std::int64_t s = 0; s < ks; ++s) {
                        const std::int64_t shift = s - ks / 2;
                        const std::int64_t first = std::max(block, -shift);
                        const std::int64_t last = std::min({block + 8, wd, wd - shift});
                        const T* const from = x.data + ((row + r - kr / 2) * wd + shift) * c;
                        add_products(sums.data() + (r * ks + s) * c, from + first * c, c,
                                     gy.data + (row * wd + first) * c, c, c,
                                     std::max<std::int64_t>(last - first, 0));
                    }
            sum_rows(partial.data() + chunk * gw.size(), sums.data(), 1, 0, gw.size());
        }
    });
    for (std::int64_t i = 0; i < gw.size(); ++i) {
        double sum = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk)
            sum += partial.data()[chunk * gw.size() + i];
        put(gw.data[i], static_cast<A>(sum), how);
    }
}

/// gb[c] = sum over n, i, j of gy[n,i,j,c].
template <class T>
void depthwise_conv2d_backward_bias(context& ctx,
                                    in<T, 4> gy,
                                    out<accumulator_t<T>, 1> gb,
                                    store how) {
    const std::int64_t c = gb.size(), rows = gy.size() / std::max<std::int64_t>(c, 1);
    const auto sums = sum_middle<T>(ctx, {gy.data, {{1, rows, c}}});
    for (std::int64_t i = 0; i < c; ++i)
        put(gb.data[i], static_cast<accumulator_t<T>>(sums.data()[i]), how);
}

} // namespace cpu

/// Filters every channel of x (n, h, w, c) with its own kernel in w (1, r, s, c) and adds the bias,
/// where there is one; the result has the extents of x. errc::shape where the channels differ or a
/// kernel extent is even.
template <class C, class T, class S>
maps<T, S> depthwise_conv2d(tape<C>& t,
                            const maps<T, S>& x,
                            const parameter<T, 4, S>& w,
                            const optional_bias<T, S>& b) {
    expect(w.dims()[0] == 1 && w.dims()[3] == x.extent(3), "depthwise_conv2d",
           "the weight is (1, r, s, c) with the channels of the input", x.dims(), w.dims());
    expect(w.dims()[1] % 2 == 1 && w.dims()[2] % 2 == 1, "depthwise_conv2d",
           "kernel extents are odd", w.dims());
    if (b)
        expect(b->dims()[0] == x.extent(3), "depthwise_conv2d", "one bias a channel", x.dims(),
               b->dims());
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x, w));
    depthwise_conv2d_forward(t.context, x.value, w.value,
                             b ? b->value.view() : view<accumulator_t<T>, 1>{}, y.value.view());
    t.record(y, [x, w, b](C& ctx, in<T, 4> gy) {
        if (b) {
            const auto gb = b->slot->claim(ctx, b->dims());
            depthwise_conv2d_backward_bias<T>(ctx, gy, gb.to, gb.how);
        }
        const auto gw = w.slot->claim(ctx, w.dims());
        depthwise_conv2d_backward_weight<T>(ctx, x.value, gy, gw.to, gw.how);
        if (x.slot) {
            const auto gx = x.slot->claim(ctx, x.dims());
            depthwise_conv2d_backward_input(ctx, gy, w.value, gx.to, gx.how);
        }
    });
    return y;
}

} // namespace pfad
