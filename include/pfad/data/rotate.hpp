// Turning a picture about its centre on the same canvas, as Pillow's Image.rotate does it.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

namespace pfad::data {

/// Red, green, blue.
using colour = std::array<std::uint8_t, 3>;

/// What the corners show that a turned picture leaves empty.
inline constexpr colour rotation_fill = {114, 114, 114};

/// The inverse of a turn: the place in the source, in pixel edges, of a place in the result.
struct inverse_turn {
    /// Source column = xx column + xy row + x0.
    double xx, xy, x0;
    /// Source row = yx column + yy row + y0.
    double yx, yy, y0;

    /// Of a turn counter-clockwise about the centre of width x height pixels.
    inverse_turn(double degrees, int width, int height) {
        // Rounded to 15 digits, as Pillow does, so that cos(90 degrees) is 0.
        const double angle = -degrees * (std::numbers::pi / 180);
        const double c = std::round(std::cos(angle) * 1e15) / 1e15;
        const double s = std::round(std::sin(angle) * 1e15) / 1e15;
        const double cx = width / 2.0;
        const double cy = height / 2.0;
        xx = c;
        xy = s;
        yx = -s;
        yy = c;
        x0 = xx * -cx + xy * -cy + cx;
        y0 = yx * -cx + yy * -cy + cy;
    }
};

/// A square RGB picture turned by `quarters` times 90 degrees counter-clockwise: pixels move, none
/// changes. `to` is dense and must not overlap `from`.
inline void rotate_quarters_into(const picture_view& from, int quarters, std::uint8_t* to) {
    const int last = from.width - 1;
    for (int y = 0; y <= last; ++y)
        for (int x = 0; x <= last; ++x) {
            int from_x = x;
            int from_y = y;
            if (quarters == 1) {
                from_x = last - y;
                from_y = x;
            } else if (quarters == 2) {
                from_x = last - x;
                from_y = last - y;
            } else if (quarters == 3) {
                from_x = y;
                from_y = last - x;
            }
            const std::uint8_t* const pixel = from.data + from_y * from.stride + 3 * from_x;
            to = std::copy_n(pixel, 3, to);
        }
}

/// Turns an RGB picture counter-clockwise into `to` (dense, same extents, no overlap with `from`).
/// Bilinear between pixel centres, the outermost pixels continued by half a pixel, the fraction of
/// a grey level dropped; `fill` where the source lies outside the picture. Multiples of 180
/// degrees, and of 90 degrees for a square, move pixels only. Throws errc::value unless RGB.
inline void rotate_into(const picture_view& from,
                        double degrees,
                        std::uint8_t* to,
                        const colour& fill = rotation_fill) {
    expect(from.data != nullptr && from.plain() && from.channels() == 3, "rotate",
           "the picture is RGB in 8 bits");
    expect(std::isfinite(degrees), "rotate", "the angle is finite");
    const int width = from.width;
    const int height = from.height;
    degrees = std::fmod(degrees, 360.0);
    degrees = degrees < 0 ? degrees + 360.0 : degrees;
    const int quarters = static_cast<int>(degrees / 90);
    if (width == height && degrees == quarters * 90.0) {
        rotate_quarters_into(from, quarters % 4, to);
        return;
    }
    const inverse_turn turn(degrees, width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x, to += 3) {
            const double at_x = turn.xx * (x + 0.5) + turn.xy * (y + 0.5) + turn.x0;
            const double at_y = turn.yx * (x + 0.5) + turn.yy * (y + 0.5) + turn.y0;
            if (at_x < 0 || at_x >= width || at_y < 0 || at_y >= height) {
                std::copy_n(fill.data(), 3, to);
                continue;
            }
            const double left = std::floor(at_x - 0.5);
            const double top = std::floor(at_y - 0.5);
            const double fx = at_x - 0.5 - left;
            const double fy = at_y - 0.5 - top;
            const int x0 = std::max(static_cast<int>(left), 0);
            const int x1 = std::min(static_cast<int>(left) + 1, width - 1);
            const int y0 = std::max(static_cast<int>(top), 0);
            const int y1 = std::min(static_cast<int>(top) + 1, height - 1);
            const std::uint8_t* const upper = from.data + y0 * from.stride;
            const std::uint8_t* const lower = from.data + y1 * from.stride;
            for (int k = 0; k < 3; ++k) {
                const double a = upper[3 * x0 + k] + (upper[3 * x1 + k] - upper[3 * x0 + k]) * fx;
                const double b = lower[3 * x0 + k] + (lower[3 * x1 + k] - lower[3 * x0 + k]) * fx;
                to[k] = static_cast<std::uint8_t>(a + (b - a) * fy);
            }
        }
}

/// The picture turned counter-clockwise by `degrees`.
[[nodiscard]] inline image_u8
rotate(const picture_view& from, double degrees, const colour& fill = rotation_fill) {
    image_u8 result;
    result.width = from.width;
    result.height = from.height;
    result.channels = 3;
    result.pixels.resize(static_cast<std::size_t>(from.width) *
                         static_cast<std::size_t>(from.height) * 3);
    rotate_into(from, degrees, result.pixels.data(), fill);
    return result;
}

} // namespace pfad::data
