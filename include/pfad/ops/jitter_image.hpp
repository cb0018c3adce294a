// jitter_image: a picture as it might have been taken in other light and from another place.
//   place  y(i, j) = x at row (i + 1/2 - h/2) / zoom + h/2 - down h - 1/2, columns alike, bilinear; beyond
//          its border x is what it is there
//   light  ((y - 1/2) contrast + 1/2) brightness, kept in [0, 1]
// requires  x, y (n, h, w, 3), x in [0, 1]; one draw a picture, its zoom above 0; y is not x
// ensures   a pure function of its arguments
// gradient  none: data is not trained
// cost      4 reads, most from the cache, 1 write
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/macros.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cmath>
#include <cstdint>

namespace pfad {

/// What is random about one picture; nothing changes by default.
struct jitter_draw {
    float brightness = 1; ///< factor of all values
    float contrast = 1;   ///< factor of their distance from one half
    float down = 0;       ///< how far the picture moves down before it grows, in heights
    float across = 0;     ///< how far it moves to the right likewise, in widths
    float zoom = 1;       ///< how much larger it becomes, about its centre
};

/// Where one pixel comes from and what light makes of it.
struct jitter_image_rule {
    /// Two neighbours along an axis of `size` elements.
    template <class A>
    struct pair {
        std::int64_t first;  ///< within the axis
        std::int64_t second; ///< within the axis
        A share;             ///< of the second
    };

    /// What lies at `at` after the picture moved by `move` of its size and grew by `zoom`.
    template <class A>
    PFAD_HD static pair<A> source(std::int64_t at, std::int64_t size, A zoom, A move) {
        const A half = static_cast<A>(size) / A(2), last = static_cast<A>(size - 1);
        A from = (static_cast<A>(at) + A(0.5) - half) / zoom + half - move * static_cast<A>(size) -
                 A(0.5);
        from = from < A(0) ? A(0) : from > last ? last : from;
        const A below = std::floor(from);
        const auto first = static_cast<std::int64_t>(below);
        return {first, first + 1 < size ? first + 1 : first, from - below};
    }
    /// A value in [0, 1].
    template <class A>
    PFAD_HD static A light(A value, A brightness, A contrast) {
        const A lit = ((value - A(0.5)) * contrast + A(0.5)) * brightness;
        return lit < A(0) ? A(0) : lit > A(1) ? A(1) : lit;
    }
};

namespace cpu {

/// y (n, h, w, 3) of x and its draws (n).
template <class T>
void jitter_image_forward(context& ctx, in<T, 4> x, in<jitter_draw, 1> draws, out<T, 4> y) {
    using A = accumulator_t<T>;
    using rule = jitter_image_rule;
    const std::int64_t h = y.extent(1), w = y.extent(2);
    parallel_for(ctx, y.extent(0) * h, 24 * w, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const jitter_draw& d = draws(row / h);
            const A zoom = static_cast<A>(d.zoom), brightness = static_cast<A>(d.brightness),
                    contrast = static_cast<A>(d.contrast);
            const auto i = rule::source(row % h, h, zoom, static_cast<A>(d.down));
            const T* const upper = x.data + (row / h * h + i.first) * w * 3;
            const T* const lower = x.data + (row / h * h + i.second) * w * 3;
            for (std::int64_t column = 0; column < w; ++column) {
                const auto j = rule::source(column, w, zoom, static_cast<A>(d.across));
                for (std::int64_t k = 0; k < 3; ++k) {
                    const A a = upper[j.first * 3 + k], b = upper[j.second * 3 + k];
                    const A c = lower[j.first * 3 + k], e = lower[j.second * 3 + k];
                    const A top = a + j.share * (b - a), bottom = c + j.share * (e - c);
                    y.data[(row * w + column) * 3 + k] = static_cast<T>(
                        rule::light(top + i.share * (bottom - top), brightness, contrast));
                }
            }
        }
    });
}

} // namespace cpu

/// Checks the extents (errc::shape), allocates and runs. What the draws hold is the caller's to check:
/// they may live on another device.
template <any_context C, class T, class S>
[[nodiscard]] tensor<T, 4, S>
jitter_image(C& ctx, const tensor<T, 4, S>& x, const tensor<jitter_draw, 1, S>& draws) {
    expect(x.extent(3) == 3 && draws.extent(0) == x.extent(0), "jitter_image",
           "pictures have three channels and a draw each", x.dims(), draws.dims());
    auto y = empty<T>(ctx, x.dims());
    jitter_image_forward(ctx, x.view(), draws.view(), y.view());
    return y;
}

} // namespace pfad
