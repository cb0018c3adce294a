// max_pool2d: a thread makes some channels of a pixel (see device/map_image.cuh), 16 bytes of x
// where the channels allow, and as many bytes of taps. The gradient gathers from the windows that
// hold a pixel, in order; windows overlap in the cache. Bytes: x + y + taps (2 gx when adding).
#pragma once

#include <pfad/device/map_image.cuh>
#include <pfad/ops/max_pool2d.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct max_pool_value {
    const T* x;         // (n, h, w, c)
    T* y;               // (n, oh, ow, c)
    std::uint8_t* taps; // (n, oh, ow, c) or null
    std::int64_t c;
    int h, w, oh, ow;
    pool2d_geometry g;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int column, int channel) const {
        const int top = row % oh * g.stride - g.padding;
        const int left = column * g.stride - g.padding;
        // The taps inside the image; there is always one.
        const int r0 = top < 0 ? -top : 0;
        const int s0 = left < 0 ? -left : 0;
        const int r1 = top + g.kernel > h ? h - top : g.kernel;
        const int s1 = left + g.kernel > w ? w - left : g.kernel;
        const T* const from = x + ((std::int64_t(row / oh) * h + top) * w + left) * c + channel;
        accumulator_t<T> best[N], v[N];
        std::uint8_t winner[N];
        device::load<N>(from + (std::int64_t(r0) * w + s0) * c, best);
#pragma unroll
        for (int k = 0; k < N; ++k)
            winner[k] = static_cast<std::uint8_t>(r0 * g.kernel + s0);
        for (int r = r0; r < r1; ++r)
            for (int s = s0; s < s1; ++s) {
                device::load<N>(from + (std::int64_t(r) * w + s) * c, v);
#pragma unroll
                for (int k = 0; k < N; ++k)
                    // A NaN wins and stays; the first of equals stays.
                    if (!(v[k] <= best[k]) && best[k] == best[k]) {
                        best[k] = v[k];
                        winner[k] = static_cast<std::uint8_t>(r * g.kernel + s);
                    }
            }
        const std::int64_t to = (std::int64_t(row) * ow + column) * c + channel;
        device::save<N>(y + to, best, store::set);
        if (taps)
            device::save<N>(taps + to, winner, store::set);
    }
};

template <class T>
struct max_pool_gradient {
    const T* gy;              // (n, oh, ow, c)
    const std::uint8_t* taps; // (n, oh, ow, c)
    T* gx;                    // (n, h, w, c)
    std::int64_t c;
    int h, w, oh, ow;
    pool2d_geometry g;
    store how;

    /// The windows [first, last) that hold a position, counted with the padding.
    __device__ int first(int at) const {
        return at < g.kernel ? 0 : (at - g.kernel) / g.stride + 1;
    }
    __device__ int last(int at, int windows) const {
        const int end = at / g.stride + 1;
        return end < windows ? end : windows;
    }

    template <int N>
    __device__ void operator()(device::width<N>, int row, int column, int channel) const {
        const int p = row % h + g.padding, q = column + g.padding;
        const int below = last(p, oh), right = last(q, ow);
        accumulator_t<T> sum[N] = {}, v[N];
        std::uint8_t winner[N];
        for (int i = first(p); i < below; ++i)
#pragma unroll 1 // rarely more than two, and registers are worth more
            for (int j = first(q); j < right; ++j) {
                const std::int64_t from = ((std::int64_t(row / h) * oh + i) * ow + j) * c + channel;
                const int tap = (p - i * g.stride) * g.kernel + q - j * g.stride;
                device::load<N>(taps + from, winner);
                device::load<N>(gy + from, v);
#pragma unroll
                for (int k = 0; k < N; ++k)
                    sum[k] += winner[k] == tap ? v[k] : accumulator_t<T>(0);
            }
        device::save<N>(gx + (std::int64_t(row) * w + column) * c + channel, sum, how);
    }
};

} // namespace kernels

template <class T>
void max_pool2d_forward(
    context& ctx, in<T, 4> x, out<T, 4> y, view<std::uint8_t, 4> taps, pool2d_geometry g) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = x.extent(3), oh = y.extent(1), ow = y.extent(2);
    map_image<n>(ctx, "max_pool2d_forward", {y.extent(0) * oh, ow, c},
                 c % n == 0 && device::aligned<n>(x.data, y.data, taps.data),
                 kernels::max_pool_value<T>{x.data, y.data, taps.data, c, index(x.extent(1)),
                                            index(x.extent(2)), index(oh), index(ow), g});
}

template <class T>
void max_pool2d_backward(context& ctx,
                         in<T, 4> gy,
                         in<std::uint8_t, 4> taps,
                         out<T, 4> gx,
                         store how,
                         pool2d_geometry g) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    map_image<n>(ctx, "max_pool2d_backward", {gx.extent(0) * h, w, c},
                 c % n == 0 && device::aligned<n>(gy.data, taps.data, gx.data),
                 kernels::max_pool_gradient<T>{gy.data, taps.data, gx.data, c, index(h), index(w),
                                               index(gy.extent(1)), index(gy.extent(2)), g, how});
}

} // namespace pfad::cuda
