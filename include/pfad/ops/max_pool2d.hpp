// 2-D max pooling; what lies outside the image never wins.
//   y[n,i,j,c] = max_{r,s} x[n, i*stride - padding + r, j*stride - padding + s, c]
// x (n, h, w, c), y (n, oh, ow, c); oh = (h + 2 padding - kernel)/stride + 1
// requires  1 <= kernel <= 15, stride >= 1, 0 <= padding <= kernel/2; an output of at least 1 x 1
// ensures   a tie goes to the first in row-major order; a NaN wins
// gradient  gy goes to the winner
// saves     the winner's tap r*kernel + s, one byte an output
// cost      1 read 1 write, and a byte an output; backward the same
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pfad {

/// The same in both directions.
struct pool2d_geometry {
    int kernel;  ///< height and width
    int stride;  ///< positions from one result to the next
    int padding; ///< on every side; never wins

    /// Output extent for an input extent.
    [[nodiscard]] std::int64_t output(std::int64_t input) const {
        return input + 2 * padding < kernel ? 0 : (input + 2 * padding - kernel) / stride + 1;
    }
    friend bool operator==(const pool2d_geometry&, const pool2d_geometry&) = default;
};

namespace cpu {

/// The winners of up to `lanes` channels at one output.
template <class T>
struct pool_window {
    static constexpr std::int64_t lanes = 64; ///< channels at most
    /// What values are compared in.
    using A = accumulator_t<T>;
    /// As wide as a value, so that both share a vector's lanes.
    using tap_number = std::conditional_t<sizeof(A) == 8, std::int64_t, std::int32_t>;
    A best[lanes];            ///< the highest value so far, of each channel
    tap_number winner[lanes]; ///< its tap

    /// Lets the values of `count` channels at a tap compete.
    void compare(const T* x, int tap, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const A value = x[i];
            const bool wins = !(value <= best[i]) && best[i] == best[i];
            best[i] = wins ? value : best[i];
            winner[i] = wins ? tap_number(tap) : winner[i];
        }
    }
};

/// `taps` may be empty where no gradient is wanted.
template <class T>
void max_pool2d_forward(
    context& ctx, in<T, 4> x, out<T, 4> y, view<std::uint8_t, 4> taps, pool2d_geometry g) {
    using A = accumulator_t<T>;
    const std::int64_t h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const std::int64_t oh = y.extent(1), ow = y.extent(2);
    parallel_for(
        ctx, y.extent(0) * oh, ow * c * g.kernel, [&](std::int64_t begin, std::int64_t end) {
            pool_window<T> window;
            for (std::int64_t row = begin; row < end; ++row) {
                const std::int64_t top = row % oh * g.stride - g.padding;
                const auto rs = tap_range::of(top, 1, g.kernel, h);
                for (std::int64_t j = 0; j < ow; ++j) {
                    const std::int64_t left = j * g.stride - g.padding;
                    const auto ss = tap_range::of(left, 1, g.kernel, w);
                    for (std::int64_t ci = 0; ci < c; ci += window.lanes) {
                        const std::int64_t count = std::min(window.lanes, c - ci);
                        // The first tap inside, so that a window of -inf still has a winner there.
                        std::fill_n(window.best, count, -std::numeric_limits<A>::infinity());
                        std::fill_n(window.winner, count, rs.first * g.kernel + ss.first);
                        for (std::int64_t r = rs.first; r < rs.last; ++r)
                            for (std::int64_t s = ss.first; s < ss.last; ++s)
                                window.compare(
                                    x.data + ((row / oh * h + top + r) * w + left + s) * c + ci,
                                    static_cast<int>(r * g.kernel + s), count);
                        const std::int64_t to = (row * ow + j) * c + ci;
                        for (std::int64_t i = 0; i < count; ++i)
                            y.data[to + i] = static_cast<T>(window.best[i]);
                        if (taps.data)
                            for (std::int64_t i = 0; i < count; ++i)
                                taps.data[to + i] = static_cast<std::uint8_t>(window.winner[i]);
                    }
                }
            }
        });
}

/// A row of gx at a time, from the rows of gy whose windows touch it, in order.
template <class T>
void max_pool2d_backward(context& ctx,
                         in<T, 4> gy,
                         in<std::uint8_t, 4> taps,
                         out<T, 4> gx,
                         store how,
                         pool2d_geometry g) {
    using A = accumulator_t<T>;
    const std::int64_t h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    const std::int64_t oh = gy.extent(1), ow = gy.extent(2);
    parallel_for(
        ctx, gx.extent(0) * h, w * c * g.kernel, [&](std::int64_t begin, std::int64_t end) {
            const wide_sums<T> wide(ctx, w * c);
            for (std::int64_t row = begin; row < end; ++row) {
                A* const sums = wide.start(gx.data + row * w * c, w * c, how);
                const std::int64_t at = row % h + g.padding;
                const std::int64_t first =
                    at < g.kernel ? 0 : (at - g.kernel + g.stride) / g.stride;
                const std::int64_t last = std::min(oh, at / g.stride + 1);
                for (std::int64_t i = first; i < last; ++i)
                    for (std::int64_t j = 0; j < ow; ++j) {
                        const std::int64_t left = j * g.stride - g.padding;
                        const auto ss = tap_range::of(left, 1, g.kernel, w);
                        const std::int64_t from = ((row / h * oh + i) * ow + j) * c;
                        const T* const gradient = gy.data + from;
                        const std::uint8_t* const winner = taps.data + from;
                        for (std::int64_t s = ss.first; s < ss.last; ++s) {
                            A* const __restrict to = sums + (left + s) * c;
                            const int tap = static_cast<int>((at - i * g.stride) * g.kernel + s);
                            for (std::int64_t ci = 0; ci < c; ++ci)
                                to[ci] += winner[ci] == tap ? static_cast<A>(gradient[ci]) : A(0);
                        }
                    }
                wide.finish(gx.data + row * w * c, w * c);
            }
        });
}

} // namespace cpu

/// The maximum of every window. errc::value for a geometry out of range, errc::shape where no
/// window fits.
template <class C, class T, class S>
maps<T, S> max_pool2d(tape<C>& t, const maps<T, S>& x, pool2d_geometry g) {
    expect(g.kernel >= 1 && g.kernel <= 15, "max_pool2d", "the kernel is 1 to 15 wide");
    expect(g.stride >= 1, "max_pool2d", "the stride is at least 1");
    expect(g.padding >= 0 && g.padding <= g.kernel / 2, "max_pool2d",
           "the padding is at most half the kernel");
    const shape<4> dims = {
        {x.extent(0), g.output(x.extent(1)), g.output(x.extent(2)), x.extent(3)}};
    expect(dims[1] >= 1 && dims[2] >= 1, "max_pool2d", "a window fits into the padded input",
           x.dims());
    auto y = t.result(empty<T>(t.context, dims), t.wants(x));
    const auto taps = y.slot ? empty<std::uint8_t>(t.context, dims) : tensor<std::uint8_t, 4, S>();
    max_pool2d_forward(t.context, x.value, y.value.view(), taps.view(), g);
    t.record(y, [x, taps, g](C& ctx, in<T, 4> gy) {
        const auto gx = x.slot->claim(ctx, x.dims());
        max_pool2d_backward(ctx, gy, taps, gx.to, gx.how, g);
    });
    return y;
}

} // namespace pfad
