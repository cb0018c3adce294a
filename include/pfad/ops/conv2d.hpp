// 2-D convolution (cross-correlation) with zero padding.
//   y[n,i,j,k] = b[k] + sum_{r,s,c} x[n, i*stride - pad + r*dilation, j*..., c] w[k,r,s,c]
// x (n, h, w, c), w (k, r, s, c), b (k), y (n, oh, ow, k);
// oh = (h + 2 pad - dilation (r - 1) - 1)/stride + 1
// requires  equal c; an output of at least 1 x 1
// gradient  three named functions: input, weight, bias
// precision accumulates in T, of bf16 in float
// cost      n oh ow k r s c multiply-adds each way
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace pfad {

/// The same in both directions; every convolution of the paper is square.
struct conv2d_geometry {
    int stride = 1;   ///< positions from one result to the next
    int padding = 0;  ///< zeros on every side
    int dilation = 1; ///< positions from one tap to the next

    /// Output extent for an input extent and a kernel extent.
    [[nodiscard]] std::int64_t output(std::int64_t input, std::int64_t kernel) const {
        return (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
    }
    friend bool operator==(const conv2d_geometry&, const conv2d_geometry&) = default;
};

namespace cpu {

/// Taps [first, last) of a kernel row whose input position lies inside [0, extent). With the stride
/// for the dilation: the outputs of a row for which a tap's does.
struct tap_range {
    /// The first tap, and the one behind the last.
    std::int64_t first, last;
    /// Of `taps` taps, the first at position `start`.
    static tap_range of(std::int64_t start, int dilation, std::int64_t taps, std::int64_t extent) {
        const std::int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
        const std::int64_t last = start >= extent ? 0 : (extent - 1 - start) / dilation + 1;
        return {first, std::min(taps, last)};
    }
};

/// Rows of an image that are computed together, and channels of the kernel: both stay in the first
/// cache, whatever the size of the kernel.
[[nodiscard]] inline std::int64_t rows_in_cache(std::int64_t row_size) {
    return std::max<std::int64_t>(1, 2048 / std::max<std::int64_t>(row_size, 1));
}
/// Input channels of a filter that are worked on together.
inline constexpr std::int64_t channels_in_cache = 8;

/// y (n, oh, ow, k) from x (n, h, w, c), w (k, r, s, c) and b (k), which may be empty. The stamp names
/// the contents of w for backends that keep a packed copy.
template <class T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<accumulator_t<T>, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    using A = accumulator_t<T>;
    const auto [n, h, wd, c] = x.dims.extent;
    const auto [k, kr, ks, c2] = w.dims.extent;
    const std::int64_t oh = y.extent(1), ow = y.extent(2);
    // (r, s, c, k): the innermost loop then runs over contiguous outputs.
    const auto packed = empty<A>(ctx, shape<1>{{w.size()}});
    parallel_for(ctx, kr * ks, c * k,
                 [&, k = k, c = c, kr = kr, ks = ks](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t tap = begin; tap < end; ++tap)
                         for (std::int64_t ci = 0; ci < c; ++ci)
                             for (std::int64_t ki = 0; ki < k; ++ki)
                                 packed.data()[(tap * c + ci) * k + ki] =
                                     w.data[(ki * kr * ks + tap) * c + ci];
                 });
    const std::int64_t block = rows_in_cache(ow * k);
    parallel_for(
        ctx, n * oh, ow * k * c,
        [&, h = h, wd = wd, c = c, k = k, kr = kr, ks = ks](std::int64_t begin, std::int64_t end) {
            const wide_sums<T> wide(ctx, std::min(block, end - begin) * ow * k);
            const auto add_tap = [&](A* sums, std::int64_t row, std::int64_t tap, std::int64_t ci) {
                const std::int64_t i = row % oh * g.stride - g.padding + tap / ks * g.dilation;
                if (i < 0 || i >= h)
                    return;
                const std::int64_t left = tap % ks * g.dilation - g.padding;
                const auto js = tap_range::of(left, g.stride, ow, wd);
                for (std::int64_t j = js.first; j < js.last; ++j)
                    add_weighted_rows(sums + j * k,
                                      x.data + ((row / oh * h + i) * wd + left + j * g.stride) * c +
                                          ci,
                                      1, packed.data() + (tap * c + ci) * k, k, k,
                                      std::min(c - ci, channels_in_cache));
            };
            for (std::int64_t first = begin; first < end; first += block) {
                const std::int64_t last = std::min(end, first + block);
                A* const sums = wide.of(y.data + first * ow * k);
                for (std::int64_t i = 0; i < (last - first) * ow; ++i)
                    for (std::int64_t ki = 0; ki < k; ++ki)
                        sums[i * k + ki] = b.data ? b.data[ki] : A(0);
                for (std::int64_t tap = 0; tap < kr * ks; ++tap)
                    for (std::int64_t ci = 0; ci < c; ci += channels_in_cache)
                        for (std::int64_t row = first; row < last; ++row)
                            add_tap(sums + (row - first) * ow * k, row, tap, ci);
                wide.finish(y.data + first * ow * k, (last - first) * ow * k);
            }
        });
}

/// gx (n, h, w, c) from gy (n, oh, ow, k) and w (k, r, s, c).
template <class T>
void conv2d_backward_input(context& ctx,
                           in<T, 4> gy,
                           in<T, 4> w,
                           out<T, 4> gx,
                           store how,
                           conv2d_geometry g,
                           const weight_stamp& = {}) {
    using A = accumulator_t<T>;
    const auto [n, h, wd, c] = gx.dims.extent;
    const auto [k, kr, ks, c2] = w.dims.extent;
    const std::int64_t oh = gy.extent(1), ow = gy.extent(2);
    const std::int64_t block = rows_in_cache(wd * c);
    parallel_for(
        ctx, n * h, wd * k * c,
        [&, h = h, wd = wd, c = c, k = k, kr = kr, ks = ks](std::int64_t begin, std::int64_t end) {
            const wide_sums<T> wide(ctx, std::min(block, end - begin) * wd * c);
            const auto add_tap = [&](A* sums, std::int64_t row, std::int64_t tap, std::int64_t ki) {
                // The output row i with i * stride - padding + r * dilation == this input row.
                const std::int64_t above = row % h + g.padding - tap / ks * g.dilation;
                if (above < 0 || above % g.stride != 0 || above / g.stride >= oh)
                    return;
                const std::int64_t from = row / h * oh + above / g.stride;
                const std::int64_t left = tap % ks * g.dilation - g.padding;
                const auto js = tap_range::of(left, g.stride, ow, wd);
                for (std::int64_t j = js.first; j < js.last; ++j)
                    add_weighted_rows(sums + (left + j * g.stride) * c,
                                      gy.data + (from * ow + j) * k + ki, 1,
                                      w.data + (ki * kr * ks + tap) * c, kr * ks * c, c,
                                      std::min(k - ki, channels_in_cache));
            };
            for (std::int64_t first = begin; first < end; first += block) {
                const std::int64_t last = std::min(end, first + block);
                T* const to = gx.data + first * wd * c;
                A* const sums = wide.start(to, (last - first) * wd * c, how);
                for (std::int64_t tap = 0; tap < kr * ks; ++tap)
                    for (std::int64_t ki = 0; ki < k; ki += channels_in_cache)
                        for (std::int64_t row = first; row < last; ++row)
                            add_tap(sums + (row - first) * wd * c, row, tap, ki);
                wide.finish(to, (last - first) * wd * c);
            }
        });
}

/// gw (k, r, s, c) from x (n, h, w, c) and gy (n, oh, ow, k).
template <class T>
void conv2d_backward_weight(context& ctx,
                            in<T, 4> x,
                            in<T, 4> gy,
                            out<accumulator_t<T>, 4> gw,
                            store how,
                            conv2d_geometry g) {
    const auto [n, h, wd, c] = x.dims.extent;
    const auto [k, kr, ks, c2] = gw.dims.extent;
    const std::int64_t oh = gy.extent(1), ow = gy.extent(2);
    parallel_for(
        ctx, k, n * oh * ow * c,
        [&, n = n, h = h, wd = wd, c = c, k = k, kr = kr, ks = ks](std::int64_t begin,
                                                                   std::int64_t end) {
            if (how == store::set)
                std::fill(gw.data + begin * kr * ks * c, gw.data + end * kr * ks * c,
                          accumulator_t<T>(0));
            for (std::int64_t at = begin * kr * ks; at < end * kr * ks; ++at) {
                const std::int64_t ki = at / (kr * ks), tap = at % (kr * ks);
                const std::int64_t left = tap % ks * g.dilation - g.padding;
                const auto js = tap_range::of(left, g.stride, ow, wd);
                for (std::int64_t row = 0; row < n * oh; ++row) {
                    const std::int64_t i = row % oh * g.stride - g.padding + tap / ks * g.dilation;
                    if (i >= 0 && i < h && js.first < js.last)
                        add_weighted_rows(
                            gw.data + at * c, gy.data + (row * ow + js.first) * k + ki, k,
                            x.data + ((row / oh * h + i) * wd + left + js.first * g.stride) * c,
                            g.stride * c, c, js.last - js.first);
                }
            }
        });
}

/// gb[k] = sum over n, i, j of gy[n,i,j,k].
template <class T>
void conv2d_backward_bias(context& ctx, in<T, 4> gy, out<accumulator_t<T>, 1> gb, store how) {
    const std::int64_t k = gb.size(), rows = gy.size() / std::max<std::int64_t>(k, 1);
    const auto split = fixed_chunks::of(rows, 256);
    const auto partial = full(ctx, shape<1>{{split.size() * k}}, 0.0);
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        double* const sum = partial.data() + chunk * k;
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t ki = 0; ki < k; ++ki)
                sum[ki] += static_cast<double>(gy.data[row * k + ki]);
    });
    for (std::int64_t ki = 0; ki < k; ++ki) {
        double sum = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk)
            sum += partial.data()[chunk * k + ki];
        put(gb.data[ki], static_cast<accumulator_t<T>>(sum), how);
    }
}

} // namespace cpu

/// The extents of conv2d's result. errc::shape where those of x and w do not fit.
[[nodiscard]] inline shape<4>
conv2d_dims(const shape<4>& x, const shape<4>& w, const conv2d_geometry& g) {
    expect(x[3] == w[3], "conv2d", "input and weight have the same channels", x, w);
    const shape<4> dims = {{x[0], g.output(x[1], w[1]), g.output(x[2], w[2]), w[0]}};
    expect(dims[1] >= 1 && dims[2] >= 1, "conv2d", "the kernel fits into the padded input", x, w);
    return dims;
}

/// Convolves x with w and adds the bias, where there is one.
template <class C, class T, class S>
maps<T, S> conv2d(tape<C>& t,
                  const maps<T, S>& x,
                  const parameter<T, 4, S>& w,
                  const optional_bias<T, S>& b,
                  conv2d_geometry g) {
    auto y = t.result(empty<T>(t.context, conv2d_dims(x.dims(), w.dims(), g)), t.wants(x, w));
    conv2d_forward(t.context, x.value, w.value, b ? b->value.view() : view<accumulator_t<T>, 1>{},
                   y.value.view(), g, w.stamp);
    t.record(y, [x, w, b, g](C& ctx, in<T, 4> gy) {
        if (b) {
            const auto gb = b->slot->claim(ctx, b->dims());
            conv2d_backward_bias<T>(ctx, gy, gb.to, gb.how);
        }
        const auto gw = w.slot->claim(ctx, w.dims());
        conv2d_backward_weight<T>(ctx, x.value, gy, gw.to, gw.how, g);
        if (x.slot) {
            const auto gx = x.slot->claim(ctx, x.dims());
            conv2d_backward_input(ctx, gy, w.value, gx.to, gx.how, g, w.stamp);
        }
    });
    return y;
}

} // namespace pfad
