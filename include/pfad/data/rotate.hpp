// Turning a picture about its centre on the same canvas, as Pillow's Image.rotate does it.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace pfad::data {

/// The grey of the corners that a turned picture leaves empty.
inline constexpr std::uint8_t rotation_fill = 114;

/// A square RGB picture turned by `quarters` (0 to 3) times 90 degrees counter-clockwise: pixels
/// move, none changes. `to` is dense and must not overlap `from`.
inline void rotate_quarters_into(const picture_view& from, int quarters, std::uint8_t* to) {
    const int last = from.width - 1;
    for (int y = 0; y <= last; ++y)
        for (int x = 0; x <= last; ++x) {
            const int sources[4][2] = {{x, y}, {last - y, x}, {last - x, last - y}, {y, last - x}};
            const auto [column, row] = sources[quarters];
            to = std::copy_n(from.row(row) + 3 * column, 3, to);
        }
}

/// Turns an RGB picture counter-clockwise into `to` (dense, same extents, no overlap with `from`).
/// Bilinear between pixel centres, the outermost pixels continued by half a pixel, the fraction of
/// a grey level dropped; rotation_fill where the source lies outside the picture. Throws
/// errc::value for a picture that is not RGB or an angle that is not finite.
inline void rotate_into(const picture_view& from, double degrees, std::uint8_t* to) {
    expect(from.data != nullptr && from.plain() && from.channels() == 3, "rotate",
           "the picture is RGB in 8 bits");
    expect(std::isfinite(degrees), "rotate", "the angle is finite");
    const int width = from.width;
    const int height = from.height;
    // From 0 to 360 degrees and rounded to 15 digits, as Pillow does, so that cos(90 degrees) is 0.
    const double angle = -(degrees - 360 * std::floor(degrees / 360)) * (std::numbers::pi / 180);
    const double c = std::round(std::cos(angle) * 1e15) / 1e15;
    const double s = std::round(std::sin(angle) * 1e15) / 1e15;
    // The place in the source, in pixel edges, of the result's upper left corner.
    const double cx = width / 2.0;
    const double cy = height / 2.0;
    const double left_edge = c * -cx + s * -cy + cx;
    const double upper_edge = -s * -cx + c * -cy + cy;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x, to += 3) {
            const double at_x = c * (x + 0.5) + s * (y + 0.5) + left_edge;
            const double at_y = -s * (x + 0.5) + c * (y + 0.5) + upper_edge;
            if (at_x < 0 || at_x >= width || at_y < 0 || at_y >= height) {
                std::fill_n(to, 3, rotation_fill);
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
            const std::uint8_t* const upper = from.row(y0);
            const std::uint8_t* const lower = from.row(y1);
            for (int k = 0; k < 3; ++k) {
                const double a = upper[3 * x0 + k] + (upper[3 * x1 + k] - upper[3 * x0 + k]) * fx;
                const double b = lower[3 * x0 + k] + (lower[3 * x1 + k] - lower[3 * x0 + k]) * fx;
                to[k] = static_cast<std::uint8_t>(a + (b - a) * fy);
            }
        }
}

} // namespace pfad::data
