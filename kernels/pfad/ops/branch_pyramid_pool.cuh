// branch_pyramid_pool. Forward: column sums (see device/reduce.cuh) of the pixels of every zone of
// rows, a sum each for the zones of the columns; a thread a mean joins the zones that its tap reads.
// Backward: a table of the zones' values a channel, then pointwise. 16 bytes of neighbouring channels
// a thread. Bytes: forward x, backward x (2 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/branch_pyramid_pool.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace kernels {

/// Groups are the zones of every sample's rows, rows the pixels of the longest one.
template <class T>
struct tap_zone_term {
    const T* x; // (n, h, w, c)
    tap_zones rows, columns;
    std::int64_t c;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t group,
                               std::int64_t pixel,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[tap_zones::count][N]) const {
        const std::int64_t sample = group / tap_zones::count, w = columns.extent;
        const int zone = static_cast<int>(group - sample * tap_zones::count);
        const std::int64_t row = rows.begin[zone] + pixel / w;
        if (row >= rows.begin[zone + 1])
            return;
        const int at = columns.zone_of(pixel % w);
        accumulator_t<T> v[N];
        device::load<N>(x + ((sample * rows.extent + row) * w + pixel % w) * c + column, v);
#pragma unroll
        for (int q = 0; q < tap_zones::count; ++q)
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum[q][k] += at == q ? v[k] : accumulator_t<T>(0);
    }
};

template <class A>
struct tap_zone_result {
    A* zones; // (n, 7, 7, c)
    std::int64_t c;

    __device__ void
    operator()(std::int64_t group, std::int64_t column, const A (&sum)[tap_zones::count]) const {
#pragma unroll
        for (int q = 0; q < tap_zones::count; ++q)
            zones[(group * tap_zones::count + q) * c + column] = sum[q];
    }
};

template <class T>
struct tap_mean {
    const accumulator_t<T>* zones; // (n, 7, 7, c)
    T* y;                          // (n, 5, 9, c)
    tap_zones rows, columns;
    std::int64_t c;
    accumulator_t<T> area, quarter;

    /// i: sample, bin, tap and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        constexpr int count = tap_zones::count;
        const std::int64_t row = i / c, sample = row / 45;
        const int tap = static_cast<int>(row % 9), bin = static_cast<int>(row % 45) / 9;
        accumulator_t<T> sum = 0;
        for (int p = 0; p < count; ++p)
            for (int q = 0; q < count; ++q)
                if (rows.reads(p, tap_zones::row_part(bin), tap / 3) &&
                    columns.reads(q, tap_zones::column_part(bin), tap % 3))
                    sum += zones[((sample * count + p) * count + q) * c + (i - row * c)];
        y[i] = static_cast<T>(sum / (bin == 0 ? area : quarter));
    }
};

template <class T>
struct tap_table {
    const T* gy;             // (n, 5, 9, c)
    accumulator_t<T>* table; // (n, 7, 7, c)
    tap_zones rows, columns;
    std::int64_t c;
    accumulator_t<T> area, quarter;

    /// i: sample, zone and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        constexpr int count = tap_zones::count;
        const std::int64_t row = i / c, sample = row / (count * count);
        const int zone = static_cast<int>(row % (count * count));
        accumulator_t<T> sum = 0;
        for (int bin = 0; bin < 5; ++bin)
            for (int tap = 0; tap < 9; ++tap)
                if (rows.reads(zone / count, tap_zones::row_part(bin), tap / 3) &&
                    columns.reads(zone % count, tap_zones::column_part(bin), tap % 3))
                    sum += static_cast<accumulator_t<T>>(
                               gy[((sample * 5 + bin) * 9 + tap) * c + (i - row * c)]) /
                           (bin == 0 ? area : quarter);
        table[i] = sum;
    }
};

template <class T>
struct tap_gradient {
    const accumulator_t<T>* table; // (n, 7, 7, c)
    T* gx;                         // (n, h, w, c)
    tap_zones rows, columns;
    std::int64_t c;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        constexpr int count = tap_zones::count;
        const std::int64_t pixel = i / c, row = pixel / columns.extent, sample = row / rows.extent;
        const int zone = rows.zone_of(row - sample * rows.extent) * count +
                         columns.zone_of(pixel - row * columns.extent);
        accumulator_t<T> v[N];
        device::load<N>(table + (sample * count * count + zone) * c + (i - pixel * c), v);
        device::save<N>(gx + i, v, how);
    }
};

/// Both ways: an element of a branch's row, which a bin's row has elsewhere.
template <class T>
struct bin_of_branch {
    const T* from;
    T* to;
    std::int64_t k, branches;
    bool gather; ///< from the bins' rows, else to them

    /// i: in (n * branches, 5 k).
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        const std::int64_t row = i / (5 * k), at = i - row * 5 * k;
        const std::int64_t bin = at < k ? 0 : 1 + (at - k) % 4;
        const std::int64_t channel = at < k ? at : (at - k) / 4;
        const std::int64_t other =
            ((row / branches * 5 + bin) * branches + row % branches) * k + channel;
        to[gather ? i : other] = from[gather ? other : i];
    }
};

} // namespace kernels

template <class T>
void tap_means_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int n = std::min(4, device::full_pack<T>); // seven sums for each
    const std::int64_t samples = x.extent(0), h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const tap_zones rows(h), columns(w);
    std::int64_t longest = 0;
    for (int zone = 0; zone < tap_zones::count; ++zone)
        longest = std::max(longest, rows.size(zone));
    const auto zones = empty<A>(ctx, shape<3>{{samples, tap_zones::count * tap_zones::count, c}});
    sum_rows<tap_zones::count, n, A>(ctx, "tap_means_forward",
                                     {samples * tap_zones::count, longest * w, c},
                                     c % n == 0 && device::aligned<n>(x.data),
                                     kernels::tap_zone_term<T>{x.data, rows, columns, c},
                                     kernels::tap_zone_result<A>{zones.data(), c});
    map<1>(ctx, "tap_means_forward", y.size(), false,
           kernels::tap_mean<T>{zones.data(), y.data, rows, columns, c, static_cast<A>(h * w),
                                static_cast<A>((h + 1) / 2 * ((w + 1) / 2))});
}

template <class T>
void tap_means_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t samples = gx.extent(0), h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    const tap_zones rows(h), columns(w);
    const auto table = empty<A>(ctx, shape<3>{{samples, tap_zones::count * tap_zones::count, c}});
    map<1>(ctx, "tap_means_backward", table.size(), false,
           kernels::tap_table<T>{gy.data, table.data(), rows, columns, c, static_cast<A>(h * w),
                                 static_cast<A>((h + 1) / 2 * ((w + 1) / 2))});
    map<n>(ctx, "tap_means_backward", gx.size(), c % n == 0 && device::aligned<n>(gx.data),
           kernels::tap_gradient<T>{table.data(), gx.data, rows, columns, c, how});
}

template <class T>
void bins_to_branches_forward(context& ctx, in<T, 4> means, out<T, 4> y) {
    const std::int64_t k = y.extent(3) / 5;
    map<1>(ctx, "bins_to_branches_forward", y.size(), false,
           kernels::bin_of_branch<T>{means.data, y.data, k, means.extent(3) / k, true});
}

template <class T>
void bins_to_branches_backward(context& ctx, in<T, 4> gy, out<T, 4> gmeans) {
    const std::int64_t k = gy.extent(3) / 5;
    map<1>(ctx, "bins_to_branches_backward", gy.size(), false,
           kernels::bin_of_branch<T>{gy.data, gmeans.data, k, gmeans.extent(3) / k, false});
}

} // namespace pfad::cuda
