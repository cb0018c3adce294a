// A trained network over pictures: maps, scores, metrics and the threshold.
#pragma once

#include <pfad/data/test_sample.hpp>
#include <pfad/metrics/evaluation.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/top_k_mean.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pfad::train {

/// The protocol, in words, for every place that prints a metric.
[[nodiscard]] inline std::string evaluation_protocol(int size) {
    std::string const s = std::to_string(size);
    return "Pictures and maps at " + s + "x" + s +
           "; masks resized with antialiased bilinear interpolation and cut at one half; image "
           "score: mean "
           "of the 100 highest pixels; regions 8-connected; AUPRO up to a false positive rate of "
           "0.3; "
           "IAP at an overlap of one half.";
}

/// Maps (n, size, size) of prepared pictures (n, size, size, 3), with the image scores.
struct scored_maps {
    tensor<float, 4> maps; ///< (n, size, size, 1), probability of a defect
    std::vector<double> scores;
};

/// Runs the network in evaluation mode and brings the map to the input's size.
template <class Context>
[[nodiscard]] scored_maps
score_pictures(Context& ctx, const pfadseg<float>& model, const tensor<float, 4>& pictures) {
    tape<Context> t(ctx, mode::eval);
    const auto map =
        resize_bilinear(t, model(t, constant(pictures)), pictures.extent(1), pictures.extent(2));
    const auto top = top_k_mean(ctx, map.value);
    return {map.value, {top.data(), top.data() + top.size()}};
}

/// Everything that an evaluation finds.
struct evaluation {
    metrics::metrics_result result;
    std::vector<data::test_item> items;
    std::vector<double> scores;       ///< of the items
    tensor<float, 3> maps;            ///< (n, size, size)
    std::vector<std::uint8_t> masks;  ///< n size size
    std::vector<std::uint8_t> labels; ///< 1 where the folder's name says anomalous
};

/// Tests the network on a category in the MVTec AD layout. report(done, total) after each picture.
template <class Context, class F>
[[nodiscard]] evaluation evaluate(Context& ctx,
                                  const pfadseg<float>& model,
                                  int size,
                                  const std::filesystem::path& category,
                                  F&& report) {
    evaluation e;
    e.items = data::list_test_items(category);
    std::int64_t const n = static_cast<std::int64_t>(e.items.size()), s = size, area = s * s;
    e.maps = empty<float>(ctx, shape<3>{{n, s, s}});
    e.masks.resize(static_cast<std::size_t>(n * area));
    for (std::int64_t i = 0; i < n; ++i) {
        const auto sample = data::load_test_sample(ctx, e.items[static_cast<std::size_t>(i)], size);
        const auto found = score_pictures(ctx, model, sample.image);
        std::copy_n(found.maps.data(), area, e.maps.data() + i * area);
        std::transform(sample.mask.data(), sample.mask.data() + area, e.masks.begin() + i * area,
                       [](float v) { return v > 0.5f ? std::uint8_t(1) : std::uint8_t(0); });
        e.scores.push_back(found.scores[0]);
        e.labels.push_back(sample.anomalous ? 1 : 0);
        report(static_cast<int>(i) + 1, static_cast<int>(n));
    }
    e.result = metrics::evaluate_maps(view<const float, 3>(e.maps),
                                      view<std::uint8_t const, 3>{e.masks.data(), {{n, s, s}}},
                                      e.scores, e.labels);
    return e;
}

/// A threshold from good pictures alone: what a new good picture rarely reaches. Three deviations
/// above their mean score, and not below the highest of them.
[[nodiscard]] inline double threshold_of_good(const std::vector<double>& scores) {
    expect(!scores.empty(), "threshold", "there is at least one good picture");
    double mean = 0, square = 0;
    for (const double s : scores)
        mean += s / static_cast<double>(scores.size());
    for (const double s : scores)
        square += (s - mean) * (s - mean) / static_cast<double>(scores.size());
    expect(std::isfinite(mean), "threshold", "the scores of the good pictures are finite");
    const double highest = *std::max_element(scores.begin(), scores.end());
    return std::clamp(std::max(highest, mean + 3 * std::sqrt(square)), 1e-6, 1.0);
}

/// The threshold from the good pictures of a folder.
template <class Context>
[[nodiscard]] double calibrate_threshold(Context& ctx,
                                         const pfadseg<float>& model,
                                         int size,
                                         const std::vector<std::filesystem::path>& pictures) {
    std::vector<double> scores;
    for (const auto& path : pictures)
        scores.push_back(
            score_pictures(ctx, model, data::model_input(ctx, read_picture(path), size)).scores[0]);
    return threshold_of_good(scores);
}

} // namespace pfad::train
