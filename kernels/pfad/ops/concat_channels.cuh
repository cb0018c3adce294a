// concat_channels: copies between pixels of different widths, 16 bytes a thread where the channels
// of the part, those of the whole and the offset allow; the gradient of a repeated pixel is a
// column sum an image (see device/reduce.cuh). Bytes: forward 2 x_k (a repeated part: its slice of
// y), backward 2 x_k (3 x_k when adding; a repeated part: its slice of gy).
#pragma once

#include <pfad/device/columns.cuh>
#include <pfad/device/map.cuh>
#include <pfad/ops/concat_channels.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct concat_copy {
    const T* from; // (pixels / shared, from_stride)
    T* to;         // (pixels, to_stride)
    std::int64_t c, from_stride, to_stride;
    std::int64_t shared; // pixels of `to` that take the same pixel of `from`
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        const std::int64_t pixel = i / c, channel = i % c;
        accumulator_t<T> v[N];
        device::load<N>(from + pixel / shared * from_stride + channel, v);
        device::save<N>(to + pixel * to_stride + channel, v, how);
    }
};

} // namespace kernels

/// Both directions: `pixels` of c channels.
template <class T>
void concat_copy(context& ctx,
                 const char* what,
                 std::int64_t pixels,
                 const kernels::concat_copy<T>& copy) {
    constexpr int n = device::full_pack<T>;
    const bool wide = copy.c % n == 0 && copy.from_stride % n == 0 && copy.to_stride % n == 0 &&
                      device::aligned<n>(copy.from, copy.to);
    map<n>(ctx, what, pixels * copy.c, wide, copy);
}

template <class T>
void concat_channels_forward(context& ctx, in<T, 4> x, out<T, 4> y, std::int64_t offset) {
    const std::int64_t area = y.extent(1) * y.extent(2), c = x.extent(3);
    const std::int64_t shared = area / std::max<std::int64_t>(x.extent(1) * x.extent(2), 1);
    concat_copy<T>(ctx, "concat_channels_forward", y.extent(0) * area,
                   {x.data, y.data + offset, c, c, y.extent(3), shared, store::set});
}

template <class T>
void concat_channels_backward(
    context& ctx, in<T, 4> gy, out<T, 4> gx, store how, std::int64_t offset) {
    const std::int64_t area = gy.extent(1) * gy.extent(2), wide = gy.extent(3), c = gx.extent(3);
    if (gx.extent(1) * gx.extent(2) != area)
        sum_columns<T>(ctx, "concat_channels_backward", {gy.extent(0), area, c}, wide,
                       gy.data + offset, gx.data, how);
    else
        concat_copy<T>(ctx, "concat_channels_backward", gy.extent(0) * area,
                       {gy.data + offset, gx.data, c, wide, c, 1, how});
}

} // namespace pfad::cuda
