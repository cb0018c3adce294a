// The colours of score maps, and a map stretched over a picture.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::report {

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

inline constexpr rgb outline_colour = {64, 255, 244}; ///< no colour of the map comes near it
inline constexpr rgb truth_colour = {120, 255, 120};  ///< of the outline of a ground truth

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

/// Where a score sits on the colour scale that ends at `brightest`.
class colour_scale {
public:
    colour_scale(double threshold, double brightest)
        : brightest_(brightest), threshold_(static_cast<float>(threshold / brightest)) {
        expect(threshold_ >= 0 && threshold_ <= 1, "heat map",
               "the threshold is between 0 and the brightest score");
    }
    [[nodiscard]] float operator()(float score) const {
        return colour_position(static_cast<float>(static_cast<double>(score) / brightest_),
                               threshold_);
    }

private:
    double brightest_;
    float threshold_;
};

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

/// The map stretched to (height, width), row by row.
[[nodiscard]] inline std::vector<float> stretch_map(in<float, 2> map, int width, int height) {
    detail::expect_map(map);
    const std::int64_t rows = map.extent(0), columns = map.extent(1);
    struct tap {
        std::int64_t first, second;
        float share; // of the second
    };
    const auto taps = [](std::int64_t from, int to) {
        std::vector<tap> result;
        for (int i = 0; i < to; ++i) {
            const double at = std::clamp((i + 0.5) * static_cast<double>(from) / to - 0.5, 0.0,
                                         static_cast<double>(from - 1));
            const std::int64_t first = static_cast<std::int64_t>(at);
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

} // namespace pfad::report
