// Pictures of score maps: a map in colours, laid over the picture, the outline of what is above the
// threshold, panels side by side. Pure functions of pictures and maps.
//
// A map is (h, w) with scores from 0 on, of any size: it is stretched over the picture bilinearly
// (half-pixel centres). Scores from `brightest` on have the brightest colour. Pictures are views of any
// format; results are RGB in 8 bits. Every function throws errc::value for a view that expect_pixels
// refuses, a picture or map without pixels, or a threshold outside [0, brightest].
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
    image_u8 result{picture.width, picture.height, 3, {}};
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
colour_map(in<float, 2> map, int width, int height, double threshold, double brightest = 1) {
    expect(width >= 1 && height >= 1, "heat map", "the picture has a pixel");
    const detail::colour_scale scale(threshold, brightest);
    image_u8 result{width, height, 3, {}};
    result.pixels.reserve(3 * detail::area(width, height));
    for (const float score : stretch_map(map, width, height)) {
        const rgb c = map_colour(scale(score));
        result.pixels.insert(result.pixels.end(), {c.red, c.green, c.blue});
    }
    return result;
}

/// The picture under its map: the colours grow more opaque with the score and vanish well below the
/// threshold, so that a good picture stays as it is. Without the outline.
[[nodiscard]] inline image_u8
overlay_map(const picture_view& picture, in<float, 2> map, double threshold, double brightest = 1) {
    const detail::colour_scale scale(threshold, brightest);
    image_u8 result = to_rgb(picture);
    const auto scores = stretch_map(map, picture.width, picture.height);
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const float t = scale(scores[i]);
        const float opacity = 0.65f * detail::smooth_step(0.15f, 0.8f, t);
        if (opacity > 0)
            detail::blend(result.pixels.data() + 3 * i, map_colour(t), opacity);
    }
    return result;
}

/// What an inspection shows: the picture, the map over it, the outline.
[[nodiscard]] inline image_u8 render_inspection(const picture_view& picture,
                                                in<float, 2> map,
                                                double threshold,
                                                double brightest = 1) {
    image_u8 result = overlay_map(picture, map, threshold, brightest);
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
[[nodiscard]] inline image_u8 side_by_side(std::span<const image_u8> panels) {
    expect(!panels.empty(), "side_by_side", "there is a panel");
    image_u8 result;
    for (const image_u8& panel : panels) {
        expect(panel.channels == 3, "side_by_side", "a panel has 3 channels");
        result.width += panel.width;
        result.height = std::max(result.height, panel.height);
    }
    const int gap = std::max(2, result.height / 64);
    result.width += gap * (static_cast<int>(panels.size()) - 1);
    result.pixels.assign(3 * detail::area(result.width, result.height), 255);
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
