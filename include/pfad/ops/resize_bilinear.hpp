// Bilinear resize with half-pixel centres, without smoothing (align_corners = false).
//   y[n,i,j,c] = sum over the two rows p and two columns q nearest to the source position of
//                (weight of p) (weight of q) x[n,p,q,c]
//   source = (target + 1/2) in/out - 1/2, at least 0; beyond the last pixel the last pixel
// x (n, h, w, c), y (n, oh, ow, c)
// requires  h, w, oh, ow >= 1
// gradient  the exact transpose, a row of gx at a time in a fixed order
// saves     nothing
// precision positions in double, sums in T, of bf16 in float
// cost      1 read 1 write each way
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {

/// One axis of a bilinear resize: value = (1 - weight) x[low] + weight x[high].
struct bilinear_tap {
    /// Source positions.
    std::int64_t low, high;
    double weight; ///< of x[high], in [0, 1]

    /// For one target position of `out`, from `in` positions.
    [[nodiscard]] PFAD_HD static bilinear_tap
    of(std::int64_t target, std::int64_t in, std::int64_t out) {
        const double at = (static_cast<double>(target) + 0.5) * static_cast<double>(in) /
                              static_cast<double>(out) -
                          0.5;
        if (at <= 0)
            return {0, 0, 0};
        const std::int64_t low = static_cast<std::int64_t>(at);
        if (low >= in - 1)
            return {in - 1, in - 1, 0};
        return {low, low + 1, at - static_cast<double>(low)};
    }
};

/// Where images of `channels` elements a pixel lie within wider pixels: the first element and the
/// elements from one pixel to the next.
template <class T>
struct channel_slice {
    T* data;             ///< of the first pixel
    std::int64_t stride; ///< elements
};

namespace cpu {

/// For every target position of an axis: (out).
inline tensor<bilinear_tap, 1> bilinear_taps(context& ctx, std::int64_t in, std::int64_t out) {
    auto taps = empty<bilinear_tap>(ctx, shape<1>{{out}});
    for (std::int64_t i = 0; i < out; ++i)
        taps.data()[i] = bilinear_tap::of(i, in, out);
    return taps;
}

/// x resized to oh x ow into a slice of the channels of a wider image.
template <class T, class Y>
void resize_into(context& ctx, in<T, 4> x, channel_slice<Y> y, std::int64_t oh, std::int64_t ow) {
    using A = accumulator_t<T>;
    const std::int64_t h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const auto across = bilinear_taps(ctx, w, ow);
    parallel_for(ctx, x.extent(0) * oh, 2 * ow * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const auto down = bilinear_tap::of(row % oh, h, oh);
            const T* const above = x.data + (row / oh * h + down.low) * w * c;
            const T* const below = x.data + (row / oh * h + down.high) * w * c;
            for (std::int64_t j = 0; j < ow; ++j) {
                const auto& tap = across.data()[j];
                const A w11 = static_cast<A>(down.weight * tap.weight);
                const A w10 = static_cast<A>(down.weight * (1 - tap.weight));
                const A w01 = static_cast<A>((1 - down.weight) * tap.weight);
                const A w00 = static_cast<A>((1 - down.weight) * (1 - tap.weight));
                const T* const a = above + tap.low * c;
                const T* const b = above + tap.high * c;
                const T* const d = below + tap.low * c;
                const T* const e = below + tap.high * c;
                Y* const __restrict to = y.data + (row * ow + j) * y.stride;
                for (std::int64_t i = 0; i < c; ++i)
                    to[i] = static_cast<Y>((w00 * a[i] + w01 * b[i]) + (w10 * d[i] + w11 * e[i]));
            }
        }
    });
}

/// The transpose of resize_into: gx from a slice of the channels of a wider oh x ow image.
template <class T, class G>
void resize_transposed(context& ctx,
                       channel_slice<const G> gy,
                       std::int64_t oh,
                       std::int64_t ow,
                       out<T, 4> gx,
                       store how) {
    using A = accumulator_t<T>;
    const std::int64_t h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    const auto across = bilinear_taps(ctx, w, ow);
    const auto down = bilinear_taps(ctx, h, oh);
    const bilinear_tap* const all = down.data();
    parallel_for(
        ctx, gx.extent(0) * h, (1 + 2 * oh / h) * ow * c,
        [&](std::int64_t begin, std::int64_t end) {
            // First down the columns into one row as wide as gy, then along it.
            const auto tall = empty<A>(ctx, shape<2>{{ow, c}});
            const wide_sums<T> wide(ctx, w * c);
            for (std::int64_t row = begin; row < end; ++row) {
                const std::int64_t p = row % h;
                A* const sums = wide.start(gx.data + row * w * c, w * c, how);
                std::fill_n(tall.data(), tall.size(), A(0));
                // The targets between row p - 1 and row p + 1; `low` never falls.
                const auto first = std::partition_point(
                    all, all + oh, [p](const bilinear_tap& tap) { return tap.high < p; });
                const auto last = std::partition_point(
                    first, all + oh, [p](const bilinear_tap& tap) { return tap.low <= p; });
                for (auto tap = first; tap != last; ++tap) {
                    const A weight = static_cast<A>(tap->low == p ? 1 - tap->weight : tap->weight);
                    const std::int64_t from = (row / h * oh + (tap - all)) * ow;
                    for (std::int64_t j = 0; j < ow; ++j) {
                        const G* const g = gy.data + (from + j) * gy.stride;
                        A* const __restrict to = tall.data() + j * c;
                        for (std::int64_t i = 0; i < c; ++i)
                            to[i] += weight * g[i];
                    }
                }
                for (std::int64_t j = 0; j < ow; ++j) {
                    const auto& tap = across.data()[j];
                    const A weight = static_cast<A>(tap.weight);
                    const A* const g = tall.data() + j * c;
                    A* const __restrict low = sums + tap.low * c;
                    for (std::int64_t i = 0; i < c; ++i)
                        low[i] += (A(1) - weight) * g[i];
                    if (tap.high == tap.low)
                        continue;
                    A* const __restrict high = sums + tap.high * c;
                    for (std::int64_t i = 0; i < c; ++i)
                        high[i] += weight * g[i];
                }
                wide.finish(gx.data + row * w * c, w * c);
            }
        });
}

/// y (n, oh, ow, c) from x (n, h, w, c).
template <class T>
void resize_bilinear_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    resize_into<T>(ctx, x, channel_slice<T>{y.data, y.extent(3)}, y.extent(1), y.extent(2));
}

/// gx (n, h, w, c) from gy (n, oh, ow, c).
template <class T>
void resize_bilinear_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    resize_transposed(ctx, channel_slice<const T>{gy.data, gy.extent(3)}, gy.extent(1),
                      gy.extent(2), gx, how);
}

} // namespace cpu

/// Resizes x to (n, h, w, c). errc::shape where either image has no pixel.
template <class C, class T, class S>
maps<T, S> resize_bilinear(tape<C>& t, const maps<T, S>& x, std::int64_t h, std::int64_t w) {
    const shape<4> dims = {{x.extent(0), h, w, x.extent(3)}};
    expect(x.extent(1) >= 1 && x.extent(2) >= 1 && h >= 1 && w >= 1, "resize_bilinear",
           "both images have pixels", x.dims(), dims);
    auto y = t.result(empty<T>(t.context, dims), t.wants(x));
    resize_bilinear_forward(t.context, x.value, y.value.view());
    t.record(y, [x](C& ctx, in<T, 4> gy) {
        const auto gx = x.slot->claim(ctx, x.dims());
        resize_bilinear_backward(ctx, gy, gx.to, gx.how);
    });
    return y;
}

} // namespace pfad
