// The mean of every channel over the image.
//   y[n,0,0,c] = sum_{i,j} x[n,i,j,c] / (h w)
// requires  h, w >= 1
// gradient  gx[n,i,j,c] = gy[n,0,0,c] / (h w)
// saves     nothing
// precision sums in double
// cost      1 read; backward 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <cstdint>

namespace pfad {
namespace cpu {

/// y (n, 1, 1, c) from x (n, h, w, c).
template <class T>
void global_average_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    const std::int64_t n = x.extent(0), area = x.extent(1) * x.extent(2), c = x.extent(3);
    const auto sums = sum_middle<T>(ctx, {x.data, {{n, area, c}}});
    for (std::int64_t i = 0; i < n * c; ++i)
        y.data[i] = static_cast<T>(
            static_cast<accumulator_t<T>>(sums.data()[i] / static_cast<double>(area)));
}

/// gx (n, h, w, c) from gy (n, 1, 1, c).
template <class T>
void global_average_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    const std::int64_t area = gx.extent(1) * gx.extent(2), c = gx.extent(3);
    const accumulator_t<T> scale = static_cast<accumulator_t<T>>(1 / static_cast<double>(area));
    parallel_for(ctx, gx.extent(0) * area, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const from = gy.data + pixel / area * c;
            T* const __restrict to = gx.data + pixel * c;
            for (std::int64_t i = 0; i < c; ++i)
                put(to[i], from[i] * scale, how);
        }
    });
}

} // namespace cpu

/// (n, h, w, c) to (n, 1, 1, c).
template <class C, class T, class S>
maps<T, S> global_average_pool(tape<C>& t, const maps<T, S>& x) {
    expect(x.extent(1) >= 1 && x.extent(2) >= 1, "global_average_pool", "the image has pixels",
           x.dims());
    auto y = t.result(empty<T>(t.context, shape<4>{{x.extent(0), 1, 1, x.extent(3)}}), t.wants(x));
    global_average_pool_forward(t.context, x.value, y.value.view());
    t.record(y, [x](C& ctx, in<T, 4> gy) {
        const auto gx = x.slot->claim(ctx, x.dims());
        global_average_pool_backward(ctx, gy, gx.to, gx.how);
    });
    return y;
}

} // namespace pfad
