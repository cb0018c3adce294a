// normalise_image: pixels to what the networks take.
//   y[n,i,j,k] = (u - mean[k]) / deviation[k]     u = x / 255 for 8-bit pixels, u = x for reals
// requires  x and y (n, h, w, 3) in the order red, green, blue; real pixels in [0, 1]
// ensures   y may be x
// gradient  none: pictures are not trained
// cost      1 read 1 write
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/macros.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cstdint>

namespace pfad {

/// Per channel (red, green, blue), of pixels in [0, 1].
struct image_statistics {
    float mean[3];      ///< subtracted
    float deviation[3]; ///< what the difference is divided by
};

/// The statistics that the ImageNet weights of the teacher were trained with.
inline constexpr image_statistics imagenet_statistics = {{0.485f, 0.456f, 0.406f},
                                                         {0.229f, 0.224f, 0.225f}};

/// One value of a pixel.
struct normalise_pixel {
    /// From a value in [0, 1].
    template <class T>
    PFAD_HD static T value(T unit, const image_statistics& statistics, std::int64_t channel) {
        return (unit - static_cast<T>(statistics.mean[channel])) /
               static_cast<T>(statistics.deviation[channel]);
    }
    /// From 8 bits to [0, 1].
    template <class T>
    PFAD_HD static T unit(std::uint8_t pixel) {
        return static_cast<T>(pixel) / T(255);
    }
};

namespace cpu {

/// Real pixels in [0, 1].
template <class T>
void normalise_image_forward(context& ctx,
                             in<T, 4> x,
                             out<T, 4> y,
                             const image_statistics& statistics) {
    using A = accumulator_t<T>;
    parallel_for(ctx, y.size() / 3, 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t k = 0; k < 3; ++k)
                y.data[3 * i + k] = static_cast<T>(
                    normalise_pixel::value(static_cast<A>(x.data[3 * i + k]), statistics, k));
    });
}

/// 8-bit pixels.
template <class T>
void normalise_image_forward(context& ctx,
                             in<std::uint8_t, 4> x,
                             out<T, 4> y,
                             const image_statistics& statistics) {
    using A = accumulator_t<T>;
    parallel_for(ctx, y.size() / 3, 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t k = 0; k < 3; ++k) {
                const A unit = normalise_pixel::unit<A>(x.data[3 * i + k]);
                y.data[3 * i + k] = static_cast<T>(normalise_pixel::value(unit, statistics, k));
            }
    });
}

} // namespace cpu

/// A picture batch (n, h, w, 3), 8-bit or real in [0, 1], normalised as T. Throws errc::shape
/// unless it has three channels.
template <class T, any_context C, class U, class S>
[[nodiscard]] tensor<T, 4, S> normalise_image(
    C& ctx, const tensor<U, 4, S>& x, const image_statistics& statistics = imagenet_statistics) {
    expect(x.extent(3) == 3, "normalise_image", "pictures have three channels", x.dims());
    auto y = empty<T>(ctx, x.dims());
    normalise_image_forward(ctx, x.view(), y.view(), statistics);
    return y;
}

} // namespace pfad
