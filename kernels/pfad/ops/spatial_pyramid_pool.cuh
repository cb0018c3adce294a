// spatial_pyramid_pool. Forward: column sums (see device/reduce.cuh) of the pixels of every third
// of the rows, three sums each for the thirds of the columns; a thread a channel joins the nine
// zones. Backward: a table of the nine values a channel, then pointwise. 16 bytes of neighbouring
// channels a thread. Bytes: forward x, backward x (2 x when adding).
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/spatial_pyramid_pool.hpp>

namespace pfad::cuda {

namespace kernels {

/// Which third of an extent: before the middle, the shared middle (odd extents only), after.
__device__ __forceinline__ int pyramid_third(std::int64_t at, std::int64_t extent) {
    return at < extent / 2 ? 0 : at < extent - extent / 2 ? 1 : 2;
}

/// Groups are the thirds of every sample's rows, rows the pixels of the longest third; the middle
/// one has one row or none.
template <class T>
struct pyramid_term {
    const T* x; // (n, h, w, channels)
    std::int64_t h, w, channels;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t group,
                               std::int64_t pixel,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[3][N]) const {
        const std::int64_t sample = group / 3, half = h / 2, third = group - sample * 3;
        const std::int64_t start = third == 0 ? 0 : third == 1 ? half : h - half;
        if (pixel >= (third == 1 ? h - 2 * half : half) * w)
            return;
        const int zone = pyramid_third(pixel % w, w);
        accumulator_t<T> v[N];
        device::load<N>(x + ((sample * h + start) * w + pixel) * channels + column, v);
#pragma unroll
        for (int q = 0; q < 3; ++q)
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum[q][k] += zone == q ? v[k] : accumulator_t<T>(0);
    }
};

template <class A>
struct pyramid_result {
    A* zones; // (n, 3, 3, channels)
    std::int64_t channels;

    __device__ void operator()(std::int64_t group, std::int64_t column, const A (&sum)[3]) const {
#pragma unroll
        for (int q = 0; q < 3; ++q)
            zones[(group * 3 + q) * channels + column] = sum[q];
    }
};

template <class T>
struct pyramid_join {
    const accumulator_t<T>* zones; // (n, 3, 3, channels)
    T* y;                          // (n, groups, 5 c)
    std::int64_t channels, c;
    accumulator_t<T> area, quarter;

    /// i: sample and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        using A = accumulator_t<T>;
        const std::int64_t sample = i / channels, channel = i - sample * channels;
        const std::int64_t in_group = channel % c;
        A zone[3][3], total = 0;
#pragma unroll
        for (int p = 0; p < 3; ++p)
#pragma unroll
            for (int q = 0; q < 3; ++q) {
                zone[p][q] = zones[(sample * 9 + p * 3 + q) * channels + channel];
                total += zone[p][q];
            }
        T* const to = y + (i - in_group) * 5;
        to[in_group] = static_cast<T>(total / area);
#pragma unroll
        for (int p = 0; p < 2; ++p)
#pragma unroll
            for (int q = 0; q < 2; ++q)
                to[c + 4 * in_group + 2 * p + q] = static_cast<T>(
                    (zone[p][q] + zone[p][q + 1] + zone[p + 1][q] + zone[p + 1][q + 1]) / quarter);
    }
};

template <class T>
struct pyramid_table {
    const T* gy;             // (n, groups, 5 c)
    accumulator_t<T>* table; // (n, 3, 3, channels)
    std::int64_t channels, c;
    accumulator_t<T> area, quarter;

    /// i: sample and channel.
    __device__ void operator()(device::width<1>, std::int64_t i) const {
        using A = accumulator_t<T>;
        const std::int64_t sample = i / channels, channel = i - sample * channels;
        const std::int64_t in_group = channel % c;
        const T* const from = gy + (i - in_group) * 5;
        const A whole = static_cast<A>(from[in_group]) / area;
        A part[2][2];
#pragma unroll
        for (int p = 0; p < 2; ++p)
#pragma unroll
            for (int q = 0; q < 2; ++q)
                part[p][q] = static_cast<A>(from[c + 4 * in_group + 2 * p + q]) / quarter;
#pragma unroll
        for (int p = 0; p < 3; ++p)
#pragma unroll
            for (int q = 0; q < 3; ++q) {
                A sum = whole;
                // Zone p lies in half p where p < 2, and in half p - 1 where p > 0.
#pragma unroll
                for (int a = 0; a < 2; ++a)
#pragma unroll
                    for (int b = 0; b < 2; ++b)
                        if ((a == p || a == p - 1) && (b == q || b == q - 1))
                            sum += part[a][b];
                table[(sample * 9 + p * 3 + q) * channels + channel] = sum;
            }
    }
};

template <class T>
struct pyramid_gradient {
    const accumulator_t<T>* table; // (n, 3, 3, channels)
    T* gx;                         // (n, h, w, channels)
    std::int64_t h, w, channels;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t pixel = i / channels, row = pixel / w, sample = row / h;
        const int zone = pyramid_third(row - sample * h, h) * 3 + pyramid_third(pixel - row * w, w);
        accumulator_t<T> v[N];
        device::load<N>(table + (sample * 9 + zone) * channels + (i - pixel * channels), v);
        device::save<N>(gx + i, v, how);
    }
};

} // namespace kernels

template <class T>
void spatial_pyramid_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t h = x.extent(1), w = x.extent(2), channels = x.extent(3);
    const std::int64_t samples = x.extent(0), c = y.extent(3) / 5;
    const auto zones = empty<A>(ctx, shape<3>{{samples, 9, channels}});
    sum_rows<3, n, A>(ctx, "spatial_pyramid_pool_forward",
                      {samples * 3, std::max<std::int64_t>(h / 2, 1) * w, channels},
                      channels % n == 0 && device::aligned<n>(x.data),
                      kernels::pyramid_term<T>{x.data, h, w, channels},
                      kernels::pyramid_result<A>{zones.data(), channels});
    map<1>(ctx, "spatial_pyramid_pool_forward", samples * channels, false,
           kernels::pyramid_join<T>{zones.data(), y.data, channels, c, static_cast<A>(h * w),
                                    static_cast<A>((h + 1) / 2 * ((w + 1) / 2))});
}

template <class T>
void spatial_pyramid_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t h = gx.extent(1), w = gx.extent(2), channels = gx.extent(3);
    const std::int64_t samples = gx.extent(0), c = gy.extent(3) / 5;
    const auto table = empty<A>(ctx, shape<3>{{samples, 9, channels}});
    map<1>(ctx, "spatial_pyramid_pool_backward", samples * channels, false,
           kernels::pyramid_table<T>{gy.data, table.data(), channels, c, static_cast<A>(h * w),
                                     static_cast<A>((h + 1) / 2 * ((w + 1) / 2))});
    map<n>(ctx, "spatial_pyramid_pool_backward", gx.size(),
           channels % n == 0 && device::aligned<n>(gx.data),
           kernels::pyramid_gradient<T>{table.data(), gx.data, h, w, channels, how});
}

} // namespace pfad::cuda
