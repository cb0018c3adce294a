// The outline of what is above the threshold.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/io/image.hpp>
#include <pfad/report/colours.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace pfad::report {

namespace detail {

struct point {
    double x, y;
};

/// Marching squares over pixel centres: calls segment(a, b) for each piece of the line where the
/// map crosses the threshold. Beyond the edge counts as below it, and the line runs through the
/// outermost pixels there.
template <class F>
void trace_outline(
    std::span<const float> scores, int width, int height, float threshold, F&& segment) {
    const auto inside = [&](int x, int y) { return x >= 0 && y >= 0 && x < width && y < height; };
    const auto score = [&](int x, int y) {
        return scores[area(width, y) + static_cast<std::size_t>(x)];
    };
    for (int y = -1; y < height; ++y)
        for (int x = -1; x < width; ++x) {
            const int corner_x[4] = {x, x + 1, x + 1, x}, corner_y[4] = {y, y, y + 1, y + 1};
            bool above[4];
            for (int i = 0; i < 4; ++i)
                above[i] = inside(corner_x[i], corner_y[i]) &&
                           score(corner_x[i], corner_y[i]) >= threshold;
            std::array<point, 4> crossing;
            std::size_t count = 0;
            for (int i = 0; i < 4; ++i) {
                const int from = above[i] ? i : (i + 1) % 4, to = above[i] ? (i + 1) % 4 : i;
                if (above[from] == above[to])
                    continue;
                double share = 0;
                if (inside(corner_x[to], corner_y[to])) {
                    const double high = score(corner_x[from], corner_y[from]);
                    share = (high - threshold) / (high - score(corner_x[to], corner_y[to]));
                }
                crossing[count++] = {corner_x[from] + share * (corner_x[to] - corner_x[from]),
                                     corner_y[from] + share * (corner_y[to] - corner_y[from])};
            }
            // Four crossings are a saddle: its two high corners stay apart.
            if (count == 4 && above[0])
                std::swap(crossing[1], crossing[3]);
            for (std::size_t i = 0; i + 1 < count; i += 2)
                segment(crossing[i], crossing[i + 1]);
        }
}

inline double distance(const point& a, const point& b, double x, double y) {
    const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    const double t =
        length > 0 ? std::clamp(((x - a.x) * dx + (y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
    return std::hypot(a.x + t * dx - x, a.y + t * dy - y);
}

} // namespace detail

/// Draws the border of the region where the map is at or above the threshold, a smooth line of one
/// to a few pixels (it grows with the picture) on a dark rim. A region at the edge of the picture
/// is closed there.
inline void draw_outline(image_u8& picture,
                         in<float, 2> map,
                         double threshold,
                         const rgb& colour = outline_colour) {
    expect(picture.channels == 3, "draw_outline", "the picture has 3 channels");
    expect(threshold >= 0, "draw_outline", "the threshold is not negative");
    const int width = picture.width, height = picture.height;
    const auto scores = stretch_map(map, width, height);
    const double half_line = 0.8 * detail::line_unit(width, height), rim = 1.6 * half_line;
    const double reach = half_line + rim + 0.5;
    std::vector<float> nearest(scores.size(), static_cast<float>(reach));
    detail::trace_outline(
        scores, width, height, static_cast<float>(threshold),
        [&](const detail::point& a, const detail::point& b) {
            const int x_end = std::min(width - 1, static_cast<int>(std::max(a.x, b.x) + reach));
            const int y_end = std::min(height - 1, static_cast<int>(std::max(a.y, b.y) + reach));
            const int x_begin = std::max(0, static_cast<int>(std::min(a.x, b.x) - reach));
            for (int y = std::max(0, static_cast<int>(std::min(a.y, b.y) - reach)); y <= y_end; ++y)
                for (int x = x_begin; x <= x_end; ++x) {
                    float& d = nearest[detail::area(width, y) + static_cast<std::size_t>(x)];
                    d = std::min(d, static_cast<float>(detail::distance(a, b, x, y)));
                }
        });
    for (std::size_t i = 0; i < nearest.size(); ++i) {
        const double d = nearest[i];
        if (d >= reach)
            continue;
        std::uint8_t* const pixel = picture.pixels.data() + 3 * i;
        detail::blend(pixel, {0, 0, 0},
                      static_cast<float>(0.55 * std::clamp((reach - d) / (rim + 0.5), 0.0, 1.0)));
        detail::blend(pixel, colour, static_cast<float>(std::clamp(half_line + 0.5 - d, 0.0, 1.0)));
    }
}

} // namespace pfad::report
