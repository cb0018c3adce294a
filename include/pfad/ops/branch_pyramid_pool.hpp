// What spatial_pyramid_pool says of each branch of parallel 3x3 convolutions, without the branches
// (PCAR, section 3.2 of the PFADSeg paper): a mean over a part of the image is linear, so
//   spatial_pyramid_pool(conv2d(x, w), branches) = w * tap means of x
//   tap mean[n, bin, r, s, c] = mean over (i, j) in the bin of x[n, i + r - 1, j + s - 1, c]
// x (n, h, w, c), w (branches * k, 3, 3, c), y (n*branches, 1, 1, 5k) as spatial_pyramid_pool has it
// requires  h, w >= 1; equal c; branches divides the rows of w
// saves     the tap means, (1, 1, 5n, 9c)
// precision the tap means are summed in double; the product as conv2d does it
// cost      1 read of x and 45 n branches k c multiply-adds; backward twice as many, 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {

/// An extent cut so that every half of it, and the whole, shifted by -1, 0 or 1, is a union of
/// zones. Some zones may be empty.
struct tap_zones {
    static constexpr int count = 7; ///< zones
    std::int64_t extent;            ///< that is cut
    std::int64_t begin[count + 1];  ///< where each begins, and the last one ends

    /// Cuts this extent.
    explicit tap_zones(std::int64_t length) : extent(length) {
        const std::int64_t half = length / 2;
        const std::int64_t cuts[count + 1] = {
            0, 1, half - 1, half, half + 1, half + 1 + length % 2, length - 1, length};
        for (int zone = 0; zone <= count; ++zone)
            begin[zone] = std::min(length, std::max(zone > 0 ? begin[zone - 1] : 0, cuts[zone]));
    }

    /// Positions in a zone.
    [[nodiscard]] std::int64_t size(int zone) const { return begin[zone + 1] - begin[zone]; }

    /// The zone of a position.
    [[nodiscard]] PFAD_HD int zone_of(std::int64_t at) const {
        int zone = 0;
        for (int i = 1; i < count; ++i)
            zone += at >= begin[i] ? 1 : 0;
        return zone;
    }

    /// Whether tap `tap` (0, 1, 2) of a kernel reads the zone for an output in `part`: the whole
    /// extent (0), its first half (1), its second (2). An odd extent's halves share the middle.
    [[nodiscard]] PFAD_HD bool reads(int zone, int part, int tap) const {
        const std::int64_t first = (part == 2 ? extent / 2 : 0) + tap - 1;
        const std::int64_t last = (part == 1 ? (extent + 1) / 2 : extent) + tap - 1;
        return begin[zone] < begin[zone + 1] && begin[zone] >= first && begin[zone + 1] <= last;
    }

    /// The part of the rows (of the columns) that a bin of the pyramid is made of.
    [[nodiscard]] PFAD_HD static int row_part(int bin) { return bin == 0 ? 0 : (bin + 1) / 2; }
    /// The same of the columns.
    [[nodiscard]] PFAD_HD static int column_part(int bin) { return bin == 0 ? 0 : 2 - bin % 2; }
};

namespace cpu {

/// y (1, 1, 5n, 9c): the bins of a sample one after the other, in each the taps.
template <class T>
void tap_means_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int zones = tap_zones::count;
    const std::int64_t n = x.extent(0), h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const tap_zones rows(h), columns(w);
    const auto sums = full(ctx, shape<3>{{n, zones * zones, c}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * zones, [&](int part) {
        for (std::int64_t i = rows.begin[part % zones]; i < rows.begin[part % zones + 1]; ++i)
            for (int zone = 0; zone < zones; ++zone)
                sum_rows(sums.data() + (part * zones + zone) * c,
                         x.data + ((part / zones * h + i) * w + columns.begin[zone]) * c,
                         columns.size(zone), c, c);
    });
    const double area = static_cast<double>(h * w);
    const double quarter = static_cast<double>((h + 1) / 2 * ((w + 1) / 2));
    run_parts(ctx, static_cast<int>(n), [&](int sample) {
        const auto total = full(ctx, shape<1>{{c}}, 0.0);
        const double* const from = sums.data() + sample * zones * zones * c;
        for (int bin = 0; bin < 5; ++bin)
            for (int tap = 0; tap < 9; ++tap) {
                std::fill_n(total.data(), c, 0.0);
                for (int zone = 0; zone < zones * zones; ++zone)
                    if (rows.reads(zone / zones, tap_zones::row_part(bin), tap / 3) &&
                        columns.reads(zone % zones, tap_zones::column_part(bin), tap % 3))
                        sum_rows(total.data(), from + zone * c, 1, c, c);
                T* const to = y.data + ((sample * 5 + bin) * 9 + tap) * c;
                for (std::int64_t i = 0; i < c; ++i)
                    to[i] = static_cast<T>(
                        static_cast<A>(total.data()[i] / (bin == 0 ? area : quarter)));
            }
    });
}

/// The gradient has at most 49 different values a channel: a table of them, then one write.
template <class T>
void tap_means_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    constexpr int zones = tap_zones::count;
    const std::int64_t n = gx.extent(0), h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    const tap_zones rows(h), columns(w);
    const A area = A(1) / static_cast<A>(h * w);
    const A quarter = A(1) / static_cast<A>((h + 1) / 2 * ((w + 1) / 2));
    const auto table = full(ctx, shape<3>{{n, zones * zones, c}}, A(0));
    run_parts(ctx, static_cast<int>(n) * zones * zones, [&](int part) {
        const int zone = part % (zones * zones);
        A* const __restrict to = table.data() + part * c;
        for (int bin = 0; bin < 5; ++bin)
            for (int tap = 0; tap < 9; ++tap) {
                if (!rows.reads(zone / zones, tap_zones::row_part(bin), tap / 3) ||
                    !columns.reads(zone % zones, tap_zones::column_part(bin), tap % 3))
                    continue;
                const T* const from = gy.data + ((part / (zones * zones) * 5 + bin) * 9 + tap) * c;
                const A factor = bin == 0 ? area : quarter;
                for (std::int64_t i = 0; i < c; ++i)
                    to[i] += factor * from[i];
            }
    });
    parallel_for(ctx, n * h, w * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (int zone = 0; zone < zones; ++zone) {
                const A* const from =
                    table.data() + ((row / h * zones + rows.zone_of(row % h)) * zones + zone) * c;
                for (std::int64_t j = columns.begin[zone]; j < columns.begin[zone + 1]; ++j) {
                    T* const __restrict to = gx.data + (row * w + j) * c;
                    for (std::int64_t i = 0; i < c; ++i)
                        put(to[i], from[i], how);
                }
            }
    });
}

/// From a bin's row of all branches, means (1, 1, 5n, branches * k), to a branch's row of all bins,
/// y (n * branches, 1, 1, 5k).
template <class T>
void bins_to_branches_forward(context&, in<T, 4> means, out<T, 4> y) {
    const std::int64_t k = y.extent(3) / 5, branches = means.extent(3) / k;
    for (std::int64_t row = 0; row < y.extent(0); ++row)
        for (std::int64_t bin = 0; bin < 5; ++bin) {
            const T* const from =
                means.data + ((row / branches * 5 + bin) * branches + row % branches) * k;
            T* const to = y.data + row * 5 * k + (bin == 0 ? 0 : k + bin - 1);
            for (std::int64_t i = 0; i < k; ++i)
                to[bin == 0 ? i : 4 * i] = from[i];
        }
}

/// The transpose of bins_to_branches_forward; sets gmeans.
template <class T>
void bins_to_branches_backward(context&, in<T, 4> gy, out<T, 4> gmeans) {
    const std::int64_t k = gy.extent(3) / 5, branches = gmeans.extent(3) / k;
    for (std::int64_t row = 0; row < gy.extent(0); ++row)
        for (std::int64_t bin = 0; bin < 5; ++bin) {
            T* const to =
                gmeans.data + ((row / branches * 5 + bin) * branches + row % branches) * k;
            const T* const from = gy.data + row * 5 * k + (bin == 0 ? 0 : k + bin - 1);
            for (std::int64_t i = 0; i < k; ++i)
                to[i] = from[bin == 0 ? i : 4 * i];
        }
}

} // namespace cpu

/// The pyramid pool, (n * branches, 1, 1, 5k), of x (n, h, w, c) convolved with w (branches * k, 3,
/// 3, c), padded by 1. errc::shape where the extents do not fit.
template <class C, class T, class S>
maps<T, S>
branch_pyramid_pool(tape<C>& t, const maps<T, S>& x, const parameter<T, 4, S>& w, int branches) {
    expect(branches >= 1, "branch_pyramid_pool", "there is at least one branch");
    const std::int64_t n = x.extent(0), c = x.extent(3), rows = w.dims()[0];
    expect(w.dims() == shape<4>{{rows, 3, 3, c}} && rows % branches == 0 && w.dims().size() > 0,
           "branch_pyramid_pool", "the weight is (branches * k, 3, 3, c) for (n, h, w, c)",
           x.dims(), w.dims());
    expect(x.extent(1) >= 1 && x.extent(2) >= 1, "branch_pyramid_pool", "the image has pixels",
           x.dims());
    // The product of the tap means, an image of one row of bins, and the weight is a convolution.
    const shape<4> flat = {{rows, 1, 1, 9 * c}}, bins = {{1, 1, 5 * n, rows}};
    const auto means = empty<T>(t.context, shape<4>{{1, 1, 5 * n, 9 * c}});
    const auto of_bins = empty<T>(t.context, bins);
    auto y = t.result(empty<T>(t.context, shape<4>{{n * branches, 1, 1, 5 * (rows / branches)}}),
                      t.wants(x, w));
    tap_means_forward(t.context, x.value, means.view());
    conv2d_forward(t.context, means, w.value.reshape(flat), view<accumulator_t<T>, 1>{},
                   of_bins.view(), conv2d_geometry{}, w.stamp);
    bins_to_branches_forward(t.context, of_bins, y.value.view());
    t.record(y, [x, w, means, flat, bins](C& ctx, in<T, 4> gy) {
        const auto gbins = empty<T>(ctx, bins);
        bins_to_branches_backward(ctx, gy, gbins.view());
        const auto gw = w.slot->claim(ctx, w.dims());
        conv2d_backward_weight<T>(ctx, means, gbins, view<accumulator_t<T>, 4>{gw.to.data, flat},
                                  gw.how, conv2d_geometry{});
        if (x.slot) {
            const auto gmeans = empty<T>(ctx, means.dims());
            conv2d_backward_input(ctx, gbins, w.value.reshape(flat), gmeans.view(), store::set,
                                  conv2d_geometry{}, w.stamp);
            const auto gx = x.slot->claim(ctx, x.dims());
            tap_means_backward(ctx, gmeans, gx.to, gx.how);
        }
    });
    return y;
}

} // namespace pfad
