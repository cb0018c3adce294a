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
#include <pfad/report/colours.hpp>
#include <pfad/report/outline.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pfad::report {

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

/// A map and its threshold on the scale of heat maps, where `brightest` (see score_range) is 1: a copy.
struct scaled_map {
    std::vector<float> values; ///< at most 1
    shape<2> dims;             ///< of the map
    double threshold;          ///< at most 1

    /// Of a map and its threshold `at`.
    scaled_map(in<float, 2> map, double at, double brightest)
        : values(map.data, map.data + map.size()), dims(map.dims),
          threshold(std::min(at / brightest, 1.0)) {
        for (float& v : values)
            v = std::min(static_cast<float>(static_cast<double>(v) / brightest), 1.0f);
    }
    /// For the functions of this file.
    [[nodiscard]] view<const float, 2> map() const { return {values.data(), dims}; }
};

/// What an inspection shows: the picture, the map over it, the outline. Scores from `brightest` on
/// have the brightest colour.
[[nodiscard]] inline image_u8 render_inspection(const picture_view& picture,
                                                in<float, 2> map,
                                                double threshold,
                                                double brightest = 1) {
    if (brightest != 1) {
        const scaled_map scaled(map, threshold, brightest);
        return render_inspection(picture, scaled.map(), scaled.threshold);
    }
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

} // namespace pfad::report
