// Channel means over the whole image and over its quarters, for groups of channels
// (spatial pyramid recalibration).
//   y[n*g + k, 0, 0, c]                 mean over the image of x[n, ., ., k*C + c]
//   y[n*g + k, 0, 0, C + 4c + 2p + q]   mean over the quarter (p, q)
// x (n, h, w, g*C), y (n*g, 1, 1, 5C); along an extent L half p is [floor(pL/2), ceil((p+1)L/2)),
// so the halves share the middle of an odd one (adaptive average pooling)
// requires  h, w >= 1; g >= 1 divides the channels
// saves     nothing
// precision sums in double
// cost      1 read; backward 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {
namespace cpu {

/// Which third of an extent: before the middle, the shared middle (odd extents only), after.
inline int pyramid_zone(std::int64_t at, std::int64_t extent) {
    return at < extent / 2 ? 0 : at < extent - extent / 2 ? 1 : 2;
}

/// The sums of the nine zones: (n * chunks, 9, channels).
template <class T>
tensor<double, 3> pyramid_sums(context& ctx, in<T, 4> x, fixed_chunks split, T) {
    const std::int64_t h = x.extent(1), w = x.extent(2), channels = x.extent(3);
    const int chunks = split.size();
    auto sums = full(ctx, shape<3>{{x.extent(0) * chunks, 9, channels}}, 0.0);
    const std::int64_t start[4] = {0, w / 2, w - w / 2, w};
    run_parts(ctx, static_cast<int>(x.extent(0)) * chunks, [&](int part) {
        const std::int64_t begin = part % chunks * split.chunk;
        const std::int64_t end = std::min(h, begin + split.chunk);
        for (std::int64_t i = begin; i < end; ++i)
            for (int zone = 0; zone < 3; ++zone)
                sum_rows(sums.data() + (part * 9 + pyramid_zone(i, h) * 3 + zone) * channels,
                         x.data + ((part / chunks * h + i) * w + start[zone]) * channels,
                         start[zone + 1] - start[zone], channels, channels);
    });
    return sums;
}

/// y (n g, 1, 1, 5C) from x (n, h, w, g C).
template <class T>
void spatial_pyramid_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t n = x.extent(0), h = x.extent(1), w = x.extent(2);
    const std::int64_t channels = x.extent(3), c = y.extent(3) / 5;
    const auto split = fixed_chunks::of(h, rows_worth(w * channels));
    const auto sums = pyramid_sums(ctx, x, split, T());
    const double area = static_cast<double>(h * w);
    const double quarter = static_cast<double>((h + 1) / 2 * ((w + 1) / 2));
    parallel_for(ctx, n, 9 * channels, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t k = begin; k < end; ++k) {
            double* const zones = sums.data() + k * split.size() * 9 * channels;
            sum_rows(zones, zones + 9 * channels, split.size() - 1, 9 * channels, 9 * channels);
            for (std::int64_t i = 0; i < channels; ++i) {
                const auto zone = [&](int p, int q) { return zones[(p * 3 + q) * channels + i]; };
                T* const to = y.data + (k * channels + i / c * c) * 5;
                double total = 0;
                for (int p = 0; p < 3; ++p)
                    total += zone(p, 0) + zone(p, 1) + zone(p, 2);
                to[i % c] = static_cast<T>(static_cast<A>(total / area));
                for (int p = 0; p < 2; ++p)
                    for (int q = 0; q < 2; ++q)
                        to[c + 4 * (i % c) + 2 * p + q] = static_cast<T>(static_cast<A>(
                            (zone(p, q) + zone(p, q + 1) + zone(p + 1, q) + zone(p + 1, q + 1)) /
                            quarter));
            }
        }
    });
}

/// The gradient has at most nine different values a channel: a table of them, then one write.
template <class T>
void spatial_pyramid_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    const std::int64_t n = gx.extent(0), h = gx.extent(1), w = gx.extent(2);
    const std::int64_t channels = gx.extent(3), c = gy.extent(3) / 5;
    const A area = static_cast<A>(h * w);
    const A quarter = static_cast<A>((h + 1) / 2 * ((w + 1) / 2));
    const auto table = empty<A>(ctx, shape<3>{{n, 9, channels}});
    parallel_for(ctx, n, 9 * channels, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t k = begin; k < end; ++k)
            for (std::int64_t i = 0; i < channels; ++i) {
                const T* const from = gy.data + (k * channels + i / c * c) * 5;
                for (int p = 0; p < 3; ++p)
                    for (int q = 0; q < 3; ++q) {
                        A sum = 0;
                        // Zone p lies in half p where p < 2, and in half p - 1 where p > 0.
                        for (int a = std::max(p - 1, 0); a <= std::min(p, 1); ++a)
                            for (int b = std::max(q - 1, 0); b <= std::min(q, 1); ++b)
                                sum += from[c + 4 * (i % c) + 2 * a + b];
                        table.data()[(k * 9 + p * 3 + q) * channels + i] =
                            from[i % c] / area + sum / quarter;
                    }
            }
    });
    parallel_for(ctx, n * h, w * channels, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t j = 0; j < w; ++j) {
                const int zone = pyramid_zone(row % h, h) * 3 + pyramid_zone(j, w);
                const A* const from = table.data() + (row / h * 9 + zone) * channels;
                T* const __restrict to = gx.data + (row * w + j) * channels;
                for (std::int64_t i = 0; i < channels; ++i)
                    put(to[i], from[i], how);
            }
    });
}

} // namespace cpu

/// Pools x (n, h, w, groups * c) to (n * groups, 1, 1, 5c). errc::shape where `groups` does not
/// divide the channels or the image has no pixel.
template <class C, class T, class S>
maps<T, S> spatial_pyramid_pool(tape<C>& t, const maps<T, S>& x, int groups) {
    expect(groups >= 1, "spatial_pyramid_pool", "there is at least one group");
    expect(x.extent(3) % groups == 0, "spatial_pyramid_pool", "the groups divide the channels",
           x.dims());
    expect(x.extent(1) >= 1 && x.extent(2) >= 1 && x.extent(3) >= 1, "spatial_pyramid_pool",
           "the image has pixels", x.dims());
    const shape<4> dims = {{x.extent(0) * groups, 1, 1, x.extent(3) / groups * 5}};
    auto y = t.result(empty<T>(t.context, dims), t.wants(x));
    spatial_pyramid_pool_forward(t.context, x.value, y.value.view());
    t.record(y, [x](C& ctx, in<T, 4> gy) {
        const auto gx = x.slot->claim(ctx, x.dims());
        spatial_pyramid_pool_backward(ctx, gy, gx.to, gx.how);
    });
    return y;
}

} // namespace pfad
