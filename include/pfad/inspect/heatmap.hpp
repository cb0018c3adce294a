// Pictures of score maps: a map in colours, laid over the picture, the outline of what is above the
// threshold, panels side by side. Pure functions of pictures and maps.
//
// A map is (h, w) with scores in [0, 1], of any size: it is stretched over the picture bilinearly
// (half-pixel centres). Pictures are views of any format; results are RGB in 8 bits. Every function
// throws errc::value for a view that expect_pixels refuses, a picture or map without pixels, or a
// threshold outside [0, 1].
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pfad::inspect {

/// sRGB.
struct rgb {
    /// 0 to 255.
    std::uint8_t red = 0;
    /// 0 to 255.
    std::uint8_t green = 0;
    /// 0 to 255.
    std::uint8_t blue = 0;
    friend constexpr bool operator==(const rgb&, const rgb&) = default;
};

inline constexpr rgb outline_colour = {64, 255, 244};    ///< no colour of the map comes near it
inline constexpr rgb truth_colour = {120, 255, 120};     ///< of the outline of a ground truth
inline constexpr rgb panel_gap_colour = {255, 255, 255}; ///< between panels side by side

/// The colour of t in [0, 1] (clamped; NaN counts as 0): from near black through violet, red and
/// orange to pale yellow.
[[nodiscard]] inline rgb map_colour(float t) {
    // A path through Oklch (Ottosson 2020) whose lightness rises in equal steps from 0.14 to 0.97,
    // so that equal differences of score look equal; chroma reduced to what sRGB can show.
    constexpr int steps = 32;
    constexpr rgb table[steps + 1] = {
        {5, 6, 29},      {10, 8, 43},     {17, 9, 57},    {26, 9, 71},    {36, 7, 85},
        {46, 4, 99},     {57, 0, 112},    {69, 0, 121},   {81, 2, 130},   {98, 0, 130},
        {116, 1, 126},   {133, 0, 121},   {150, 1, 114},  {166, 1, 104},  {182, 2, 93},
        {198, 1, 83},    {211, 15, 75},   {222, 33, 67},  {232, 48, 56},  {242, 62, 42},
        {250, 76, 14},   {248, 101, 2},   {247, 121, 2},  {246, 138, 2},  {246, 154, 6},
        {246, 168, 6},   {248, 181, 4},   {252, 192, 4},  {250, 205, 72}, {248, 218, 109},
        {248, 229, 140}, {248, 239, 168}, {251, 249, 194}};
    const float at = t > 0 ? std::min(t, 1.0f) * steps : 0.0f;
    const int lower = std::min(static_cast<int>(at), steps - 1);
    const float share = at - static_cast<float>(lower);
    const auto mix = [share](std::uint8_t a, std::uint8_t b) {
        return static_cast<std::uint8_t>(
            std::lround(static_cast<float>(a) + share * static_cast<float>(b - a)));
    };
    const rgb& a = table[lower];
    const rgb& b = table[lower + 1];
    return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

/// Where a score sits on the colour scale: 0 at 0, one half at the threshold, 1 at 1, straight in
/// between. So the lower half of the colours is "good" whatever the threshold is.
[[nodiscard]] inline float colour_position(float score, float threshold) {
    if (!(score > 0))
        return 0;
    if (score >= 1)
        return threshold < 1 ? 1.0f : 0.5f;
    return score < threshold ? 0.5f * score / threshold
                             : 0.5f + 0.5f * (score - threshold) / (1 - threshold);
}

namespace detail {

inline void expect_map(in<float, 2> map) {
    expect(map.extent(0) >= 1 && map.extent(1) >= 1, "heat map", "the map has a pixel");
}

inline void expect_threshold(double threshold) {
    expect(threshold >= 0 && threshold <= 1, "heat map", "the threshold is between 0 and 1");
}

inline std::size_t area(int width, int height) {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
}

/// Sizes of lines grow with the picture.
inline double line_unit(int width, int height) {
    return std::max(1.0, std::min(width, height) / 512.0);
}

inline void blend(std::uint8_t* pixel, const rgb& colour, float opacity) {
    const std::uint8_t to[3] = {colour.red, colour.green, colour.blue};
    for (int c = 0; c < 3; ++c)
        pixel[c] = static_cast<std::uint8_t>(
            std::lround(static_cast<float>(pixel[c]) +
                        opacity * (static_cast<float>(to[c]) - static_cast<float>(pixel[c]))));
}

inline float smooth_step(float low, float high, float t) {
    const float x = std::clamp((t - low) / (high - low), 0.0f, 1.0f);
    return x * x * (3 - 2 * x);
}

} // namespace detail

/// A dense copy of the picture as RGB in 8 bits.
[[nodiscard]] inline image_u8 to_rgb(const picture_view& picture) {
    expect_pixels(picture, "heat map");
    image_u8 result;
    result.width = picture.width;
    result.height = picture.height;
    result.channels = 3;
    result.pixels.resize(3 * detail::area(picture.width, picture.height));
    std::uint8_t* to = result.pixels.data();
    std::vector<std::uint8_t> converted;
    for (int y = 0; y < picture.height; ++y) {
        const std::uint8_t* const from = plain_row(picture, y, converted);
        if (picture.format == pixel_format::grey)
            for (int x = 0; x < picture.width; ++x, to += 3)
                std::fill_n(to, 3, from[x]);
        else
            to = std::copy_n(from, std::ptrdiff_t(3) * picture.width, to);
    }
    return result;
}

/// The map stretched to (height, width), row by row.
[[nodiscard]] inline std::vector<float> stretch_map(in<float, 2> map, int width, int height) {
    detail::expect_map(map);
    std::int64_t const rows = map.extent(0), columns = map.extent(1);
    struct tap {
        std::int64_t first, second;
        float share; // of the second
    };
    const auto taps = [](std::int64_t from, int to) {
        std::vector<tap> result;
        for (int i = 0; i < to; ++i) {
            const double at = std::clamp((i + 0.5) * static_cast<double>(from) / to - 0.5, 0.0,
                                         static_cast<double>(from - 1));
            std::int64_t const first = static_cast<std::int64_t>(at);
            result.push_back({first, std::min(first + 1, from - 1),
                              static_cast<float>(at - static_cast<double>(first))});
        }
        return result;
    };
    const std::vector<tap> across = taps(columns, width), down = taps(rows, height);
    std::vector<float> result;
    result.reserve(detail::area(width, height));
    for (const tap& y : down) {
        const float* const upper = map.data + y.first * columns;
        const float* const lower = map.data + y.second * columns;
        for (const tap& x : across) {
            const float above = upper[x.first] + x.share * (upper[x.second] - upper[x.first]);
            const float below = lower[x.first] + x.share * (lower[x.second] - lower[x.first]);
            result.push_back(above + y.share * (below - above));
        }
    }
    return result;
}

/// The map alone in colours, stretched to width x height.
[[nodiscard]] inline image_u8
colour_map(in<float, 2> map, int width, int height, double threshold) {
    expect(width >= 1 && height >= 1, "heat map", "the picture has a pixel");
    detail::expect_threshold(threshold);
    image_u8 result;
    result.width = width;
    result.height = height;
    result.channels = 3;
    result.pixels.reserve(3 * detail::area(width, height));
    for (const float score : stretch_map(map, width, height)) {
        const rgb c = map_colour(colour_position(score, static_cast<float>(threshold)));
        result.pixels.insert(result.pixels.end(), {c.red, c.green, c.blue});
    }
    return result;
}

/// Draws the border of the region where the map is at or above the threshold, a smooth line of one
/// to a few pixels (it grows with the picture) on a dark rim. A region at the edge of the picture
/// is closed there.
void draw_outline(image_u8& picture,
                  in<float, 2> map,
                  double threshold,
                  const rgb& colour = outline_colour);

/// The picture under its map: the colours grow more opaque with the score and vanish well below the
/// threshold, so that a good picture stays as it is. Without the outline.
[[nodiscard]] inline image_u8
overlay_map(const picture_view& picture, in<float, 2> map, double threshold) {
    detail::expect_threshold(threshold);
    image_u8 result = to_rgb(picture);
    const auto scores = stretch_map(map, picture.width, picture.height);
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const float t = colour_position(scores[i], static_cast<float>(threshold));
        const float opacity = 0.65f * detail::smooth_step(0.15f, 0.8f, t);
        if (opacity > 0)
            detail::blend(result.pixels.data() + 3 * i, map_colour(t), opacity);
    }
    return result;
}

/// What an inspection shows: the picture, the map over it, the outline.
[[nodiscard]] inline image_u8
render_inspection(const picture_view& picture, in<float, 2> map, double threshold) {
    image_u8 result = overlay_map(picture, map, threshold);
    draw_outline(result, map, threshold);
    return result;
}

/// The picture dimmed outside the mask (h, w; defects above one half), the defects outlined. A
/// picture with an empty mask stays as it is.
[[nodiscard]] inline image_u8 render_truth(const picture_view& picture, in<float, 2> mask) {
    image_u8 result = to_rgb(picture);
    const auto truth = stretch_map(mask, picture.width, picture.height);
    if (std::none_of(truth.begin(), truth.end(), [](float v) { return v >= 0.5f; }))
        return result;
    for (std::size_t i = 0; i < truth.size(); ++i)
        if (truth[i] < 0.5f)
            detail::blend(result.pixels.data() + 3 * i, {0, 0, 0}, 0.5f);
    draw_outline(result, mask, 0.5, truth_colour);
    return result;
}

/// Panels from left to right, the smaller ones centred, with a gap that grows with the pictures.
[[nodiscard]] inline image_u8 side_by_side(std::span<const image_u8> panels,
                                           const rgb& gap_colour = panel_gap_colour) {
    expect(!panels.empty(), "side_by_side", "there is a panel");
    image_u8 result;
    result.channels = 3;
    for (const image_u8& panel : panels) {
        expect(panel.channels == 3, "side_by_side", "a panel has 3 channels");
        result.width += panel.width;
        result.height = std::max(result.height, panel.height);
    }
    const int gap = std::max(2, result.height / 64);
    result.width += gap * (static_cast<int>(panels.size()) - 1);
    result.pixels.reserve(3 * detail::area(result.width, result.height));
    for (std::size_t i = 0; i < detail::area(result.width, result.height); ++i)
        result.pixels.insert(result.pixels.end(),
                             {gap_colour.red, gap_colour.green, gap_colour.blue});
    int left = 0;
    for (const image_u8& panel : panels) {
        const int top = (result.height - panel.height) / 2;
        for (int y = 0; y < panel.height; ++y)
            std::copy_n(panel.pixels.begin() +
                            static_cast<std::ptrdiff_t>(3 * detail::area(panel.width, y)),
                        3 * panel.width,
                        result.pixels.begin() +
                            static_cast<std::ptrdiff_t>(3 * (detail::area(result.width, top + y) +
                                                             static_cast<std::size_t>(left))));
        left += panel.width + gap;
    }
    return result;
}

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

inline void draw_outline(image_u8& picture, in<float, 2> map, double threshold, const rgb& colour) {
    expect(picture.channels == 3, "draw_outline", "the picture has 3 channels");
    detail::expect_threshold(threshold);
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

} // namespace pfad::inspect
