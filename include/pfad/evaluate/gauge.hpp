// What a model says of good pictures in other light and from other places, before a test picture is there:
// good pictures are changed as a station changes them, and inspected.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/detect/model_pixels.hpp>
#include <pfad/evaluate/change.hpp>
#include <pfad/evaluate/threshold.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pfad {

/// One change of good pictures.
struct gauge_change {
    std::string_view text; ///< for people: "20 % darker"
    jitter_draw change;    ///< what is done
};

/// Every change that a gauge looks at: none, which the others are compared with, then the smaller ones first.
inline constexpr std::array<gauge_change, 11> gauge_changes = {{
    {"as they are", {}},
    {"10 % darker", {.brightness = 0.9f}},
    {"10 % brighter", {.brightness = 1.1f}},
    {"20 % darker", {.brightness = 0.8f}},
    {"25 % brighter", {.brightness = 1.25f}},
    {"of 20 % less contrast", {.contrast = 0.8f}},
    {"of 25 % more contrast", {.contrast = 1.25f}},
    {"moved by 2 %", {.down = 0.02f, .across = 0.02f}},
    {"moved by 4 %", {.down = 0.04f, .across = 0.04f}},
    {"5 % smaller", {.zoom = 0.95f}},
    {"5 % larger", {.zoom = 1.05f}},
}};

/// What one change does.
struct gauge_reading {
    std::string_view text; ///< the change
    double flagged = 0;    ///< share of the changed pictures that are called a defect
    double median = 0;     ///< of their image scores
};

/// A reading for each change, in the order of gauge_changes.
using gauge = std::vector<gauge_reading>;

/// How many pictures a gauge changes at most: every change is an inspection of each of them.
inline constexpr std::size_t gauge_pictures = 16;

/// Inspects good pictures, up to gauge_pictures of them, spread evenly over the list, after each change. `predict`
/// is a predictor or what is called like one. Throws errc::value where there is no picture.
template <class Context, class Predict>
[[nodiscard]] gauge measure_gauge(Context& ctx,
                                  Predict&& predict,
                                  int size,
                                  double threshold,
                                  const std::vector<std::filesystem::path>& good,
                                  const picture_options& reading = {}) {
    expect(!good.empty(), "gauge", "there is a good picture");
    auto memory = host_memory::beside(ctx);
    const std::size_t n = std::min(good.size(), gauge_pictures);
    std::array<std::vector<double>, gauge_changes.size()> scores;
    for (std::size_t i = 0; i < n; ++i) {
        const auto pixels =
            detect::model_pixels(memory, read_picture(good[i * good.size() / n], reading), size);
        for (std::size_t k = 0; k < gauge_changes.size(); ++k) {
            const auto found = predict(changed_pixels(ctx, pixels, gauge_changes[k].change));
            scores[k].push_back(static_cast<double>(on_host(ctx, found.scores).data()[0]));
        }
    }
    gauge result;
    for (std::size_t k = 0; k < gauge_changes.size(); ++k) {
        auto& of = scores[k];
        check_scores(of, "changed");
        std::sort(of.begin(), of.end());
        result.push_back(
            {gauge_changes[k].text,
             static_cast<double>(defects_from(threshold, of)) / static_cast<double>(of.size()),
             (of[(of.size() - 1) / 2] + of[of.size() / 2]) / 2});
    }
    return result;
}

/// The gauge in a sentence: the changes by which more than a tenth of the good pictures become defects, or
/// that there is none.
[[nodiscard]] inline std::string gauge_text(const gauge& readings) {
    std::string text;
    for (const auto& one : readings)
        if (one.flagged > readings.front().flagged + 0.1) {
            char share[16];
            std::snprintf(share, sizeof share, " (%.0f %%)", 100 * one.flagged);
            text += (text.empty() ? "" : ", ") + std::string(one.text) + share;
        }
    return text.empty() ? "good pictures stay good in the light and at the places that were tried"
                        : "good pictures are called defects where they are " + text;
}

} // namespace pfad
