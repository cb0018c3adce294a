// normalise_image: pointwise, 16 bytes a thread of the result (and of real pixels; 8-bit ones take
// as many elements, so a warp reads 128 bytes of them). Bytes: 1 x, 1 y.
#pragma once

#include <pfad/device/map.cuh>
#include <pfad/ops/normalise_image.hpp>

#include <cstdint>
#include <type_traits>

namespace pfad::cuda {

namespace kernels {

/// U is T, or std::uint8_t. x may be y.
template <class U, class T>
struct normalise_value {
    const U* x; // (n, h, w, 3)
    T* y;       // (n, h, w, 3)
    image_statistics statistics;

    __device__ static float of(const float (&channels)[3], int which) {
        return which % 3 == 0 ? channels[0] : which % 3 == 1 ? channels[1] : channels[2];
    }

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        using A = accumulator_t<T>;
        accumulator_t<U> u[N];
        A v[N];
        device::load<N>(x + i, u);
        // From the first element's channel on, so that every index is a constant.
        const int first = static_cast<int>(i % 3);
        image_statistics turned;
#pragma unroll
        for (int k = 0; k < 3; ++k) {
            turned.mean[k] = of(statistics.mean, first + k);
            turned.deviation[k] = of(statistics.deviation, first + k);
        }
#pragma unroll
        for (int k = 0; k < N; ++k) {
            if constexpr (std::is_same_v<U, std::uint8_t>)
                v[k] = normalise_pixel::unit<A>(u[k]);
            else
                v[k] = u[k];
            v[k] = normalise_pixel::value(v[k], turned, k % 3);
        }
        device::save<N>(y + i, v, store::set);
    }
};

} // namespace kernels

/// Real pixels in [0, 1].
template <class T>
void normalise_image_forward(context& ctx,
                             in<T, 4> x,
                             out<T, 4> y,
                             const image_statistics& statistics) {
    map<device::full_pack<T>>(ctx, "normalise_image_forward", y.size(),
                              device::aligned<device::full_pack<T>>(x.data, y.data),
                              kernels::normalise_value<T, T>{x.data, y.data, statistics});
}

/// 8-bit pixels.
template <class T>
void normalise_image_forward(context& ctx,
                             in<std::uint8_t, 4> x,
                             out<T, 4> y,
                             const image_statistics& statistics) {
    map<device::full_pack<T>>(
        ctx, "normalise_image_forward", y.size(),
        device::aligned<device::full_pack<T>>(x.data, y.data),
        kernels::normalise_value<std::uint8_t, T>{x.data, y.data, statistics});
}

} // namespace pfad::cuda
