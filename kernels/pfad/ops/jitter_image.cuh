// jitter_image: a thread a pixel; what its four neighbours share with those of the next thread comes from
// the cache. Bytes: 2 x.
#pragma once

#include <pfad/device/map_image.cuh>
#include <pfad/ops/jitter_image.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct jitter_image_value {
    const T* x;               // (n, h, w, 3)
    const jitter_draw* draws; // (n)
    T* y;                     // (n, h, w, 3)
    int h, w;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int column, int) const {
        using A = accumulator_t<T>;
        using rule = jitter_image_rule;
        const int picture = row / h;
        const jitter_draw d = draws[picture];
        const A zoom = static_cast<A>(d.zoom);
        const auto i = rule::source<A>(row - picture * h, h, zoom, static_cast<A>(d.down));
        const auto j = rule::source<A>(column, w, zoom, static_cast<A>(d.across));
        const T* const upper = x + (std::int64_t(picture) * h + i.first) * w * 3;
        const T* const lower = x + (std::int64_t(picture) * h + i.second) * w * 3;
        T* const to = y + (std::int64_t(row) * w + column) * 3;
#pragma unroll
        for (int k = 0; k < 3; ++k) {
            const A a = static_cast<A>(upper[j.first * 3 + k]);
            const A b = static_cast<A>(upper[j.second * 3 + k]);
            const A c = static_cast<A>(lower[j.first * 3 + k]);
            const A e = static_cast<A>(lower[j.second * 3 + k]);
            const A top = a + j.share * (b - a), bottom = c + j.share * (e - c);
            to[k] = static_cast<T>(rule::light(top + i.share * (bottom - top),
                                               static_cast<A>(d.brightness),
                                               static_cast<A>(d.contrast)));
        }
    }
};

} // namespace kernels

template <class T>
void jitter_image_forward(context& ctx, in<T, 4> x, in<jitter_draw, 1> draws, out<T, 4> y) {
    const std::int64_t h = y.extent(1), w = y.extent(2);
    map_image<1>(ctx, "jitter_image_forward", {y.extent(0) * h, w, 1}, false,
                 kernels::jitter_image_value<T>{x.data, draws.data, y.data, static_cast<int>(h),
                                                static_cast<int>(w)});
}

} // namespace pfad::cuda
