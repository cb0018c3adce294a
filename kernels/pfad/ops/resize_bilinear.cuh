// resize_bilinear: a thread makes some channels of a pixel (see device/map_image.cuh), 16 bytes
// where the channels allow. The gradient gathers from the targets that a source pixel reaches, in
// order; neighbours read the same targets, from the cache. Bytes: x + y (2 gx when adding).
#pragma once

#include <pfad/device/map_image.cuh>
#include <pfad/ops/resize_bilinear.hpp>

namespace pfad::cuda {

namespace kernels {

/// bilinear_tap::of without its division, which would cost the gradient more than its memory does.
struct resize_axis {
    int in, out;
    double scale; // in / out

    /// Two pixels, or one twice.
    struct pair {
        int low, high;
        double weight;
    };
    __device__ pair tap(int target) const {
        const double at = (static_cast<double>(target) + 0.5) * scale - 0.5;
        if (at <= 0)
            return {0, 0, 0};
        const int low = static_cast<int>(at);
        if (low >= in - 1)
            return {in - 1, in - 1, 0};
        return {low, low + 1, at - static_cast<double>(low)};
    }

    /// The first target that reads source pixel p.
    __device__ int first(int p) const {
        // One too low rather than one too high, whichever way the quotient was rounded.
        const double guess = (static_cast<double>(p) - 0.5) / scale - 1.5;
        int target = guess > 0 ? static_cast<int>(guess) : 0;
        while (target < out && tap(target).high < p)
            ++target;
        return target;
    }
};

template <class T>
struct resize_value {
    const T* x;             // (n, h, w, c)
    T* y;                   // (n, oh, ow, stride)
    std::int64_t c, stride; // elements of a pixel
    resize_axis down, across;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int column, int channel) const {
        using A = accumulator_t<T>;
        const auto i = down.tap(row % down.out), j = across.tap(column);
        const A w11 = static_cast<A>(i.weight * j.weight);
        const A w10 = static_cast<A>(i.weight * (1 - j.weight));
        const A w01 = static_cast<A>((1 - i.weight) * j.weight);
        const A w00 = static_cast<A>((1 - i.weight) * (1 - j.weight));
        const std::int64_t image = std::int64_t(row / down.out) * down.in;
        const T* const above = x + (image + i.low) * across.in * c + channel;
        const T* const below = x + (image + i.high) * across.in * c + channel;
        A p[N], q[N], r[N], s[N];
        device::load<N>(above + j.low * c, p);
        device::load<N>(above + j.high * c, q);
        device::load<N>(below + j.low * c, r);
        device::load<N>(below + j.high * c, s);
#pragma unroll
        for (int k = 0; k < N; ++k)
            p[k] = (w00 * p[k] + w01 * q[k]) + (w10 * r[k] + w11 * s[k]);
        device::save<N>(y + (std::int64_t(row) * across.out + column) * stride + channel, p,
                        store::set);
    }
};

template <class T>
struct resize_gradient {
    const T* gy;            // (n, oh, ow, stride)
    T* gx;                  // (n, h, w, c)
    std::int64_t c, stride; // elements of a pixel
    resize_axis down, across;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int column, int channel) const {
        using A = accumulator_t<T>;
        const int p = row % down.in;
        const std::int64_t image = std::int64_t(row / down.in) * down.out;
        const int left = across.first(column);
        A sum[N] = {};
        for (int i = down.first(p); i < down.out; ++i) {
            const auto tap = down.tap(i);
            if (tap.low > p)
                break;
            const A weight = static_cast<A>(tap.low == p ? 1 - tap.weight : tap.weight);
            A line[N] = {};
            for (int j = left; j < across.out; ++j) {
                const auto beside = across.tap(j);
                if (beside.low > column)
                    break;
                const A part =
                    static_cast<A>(beside.low == column ? 1 - beside.weight : beside.weight);
                A g[N];
                device::load<N>(gy + ((image + i) * across.out + j) * stride + channel, g);
#pragma unroll
                for (int k = 0; k < N; ++k)
                    line[k] += part * g[k];
            }
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum[k] += weight * line[k];
        }
        device::save<N>(gx + (std::int64_t(row) * across.in + column) * c + channel, sum, how);
    }
};

} // namespace kernels

/// What kernels need to know of an axis of `in` positions that becomes `out`.
[[nodiscard]] inline kernels::resize_axis resize_axis(std::int64_t in, std::int64_t out) {
    return {index(in), index(out), static_cast<double>(in) / static_cast<double>(out)};
}

/// x resized to oh x ow into a slice of the channels of a wider image.
template <class T>
void resize_into(context& ctx, in<T, 4> x, channel_slice<T> y, std::int64_t oh, std::int64_t ow) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = x.extent(3);
    map_image<n>(ctx, "resize_bilinear_forward", {x.extent(0) * oh, ow, c},
                 c % n == 0 && y.stride % n == 0 && device::aligned<n>(x.data, y.data),
                 kernels::resize_value<T>{x.data, y.data, c, y.stride, resize_axis(x.extent(1), oh),
                                          resize_axis(x.extent(2), ow)});
}

/// The transpose of resize_into: gx from a slice of the channels of a wider oh x ow image.
template <class T>
void resize_transposed(context& ctx,
                       channel_slice<const T> gy,
                       std::int64_t oh,
                       std::int64_t ow,
                       out<T, 4> gx,
                       store how) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = gx.extent(3);
    map_image<n>(ctx, "resize_bilinear_backward", {gx.extent(0) * gx.extent(1), gx.extent(2), c},
                 c % n == 0 && gy.stride % n == 0 && device::aligned<n>(gy.data, gx.data),
                 kernels::resize_gradient<T>{gy.data, gx.data, c, gy.stride,
                                             resize_axis(gx.extent(1), oh),
                                             resize_axis(gx.extent(2), ow), how});
}

template <class T>
void resize_bilinear_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    resize_into<T>(ctx, x, {y.data, y.extent(3)}, y.extent(1), y.extent(2));
}

template <class T>
void resize_bilinear_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    resize_transposed<T>(ctx, {gy.data, gy.extent(3)}, gy.extent(1), gy.extent(2), gx, how);
}

} // namespace pfad::cuda
