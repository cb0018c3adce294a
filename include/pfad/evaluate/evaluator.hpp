// A trained network over pictures: maps, scores, metrics and the threshold of training.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/detect/predictor.hpp>
#include <pfad/evaluate/change.hpp>
#include <pfad/evaluate/test_sample.hpp>
#include <pfad/evaluate/threshold.hpp>
#include <pfad/metrics/evaluation.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pfad {

/// The protocol, in words, for every place that prints a metric.
[[nodiscard]] inline std::string evaluation_protocol(int size, const score_range& range = {}) {
    const std::string s = std::to_string(size);
    return "Pictures and maps at " + s + "x" + s +
           "; masks resized with antialiased bilinear interpolation and cut at one half; image "
           "score: " +
           std::string(range.image_score) +
           "; regions 8-connected; AUPRO up to a false positive rate of 0.3; IAP at an overlap of "
           "one half.";
}

/// Everything that an evaluation finds.
struct evaluation {
    metrics::metrics_result result;     ///< the metrics
    std::vector<data::test_item> items; ///< what was evaluated
    std::vector<double> scores;         ///< of the items
    tensor<float, 3> maps;              ///< (n, size, size)
    std::vector<std::uint8_t> masks;    ///< n size size
    std::vector<std::uint8_t> labels;   ///< 1 where the item is anomalous
};

/// Tests a predictor, or what is called like one, on pictures. Where those with a defect have no
/// mask, the metrics of pixels and instances are undefined; errc::value where only some have.
/// report(done, total) after each picture. Where there is a change, pictures are changed at their
/// size of size x size, and their masks with them.
template <class Context, class Predict, class F>
[[nodiscard]] evaluation evaluate(Context& ctx,
                                  Predict&& predict,
                                  int size,
                                  std::vector<data::test_item> items,
                                  F&& report,
                                  const picture_options& reading = {},
                                  const std::optional<jitter_draw>& change = {}) {
    evaluation e;
    e.items = std::move(items);
    const auto count = [&](auto&& wanted) { return std::ranges::count_if(e.items, wanted); };
    const auto masked =
        count([](const auto& item) { return item.anomalous() && !item.mask.empty(); });
    expect(masked == 0 || masked == count([](const auto& item) { return item.anomalous(); }),
           "evaluate", "all pictures with a defect have a mask, or none has");
    const std::int64_t n = static_cast<std::int64_t>(e.items.size()), s = size, area = s * s;
    auto memory = host_memory::beside(ctx);
    e.maps = empty<float>(memory, shape<3>{{n, s, s}});
    for (std::int64_t i = 0; i < n; ++i) {
        auto sample = load_test_sample(memory, e.items[static_cast<std::size_t>(i)], size, reading);
        if (change) {
            sample.pixels = changed_pixels(ctx, sample.pixels, *change);
            sample.mask = changed_mask(ctx, sample.mask, size, *change);
        }
        const auto found = predict(sample.pixels);
        std::copy_n(on_host(ctx, found.maps).data(), area, e.maps.data() + i * area);
        e.masks.insert(e.masks.end(), sample.mask.begin(), sample.mask.end());
        e.scores.push_back(static_cast<double>(on_host(ctx, found.scores).data()[0]));
        e.labels.push_back(sample.anomalous ? 1 : 0);
        report(static_cast<int>(i) + 1, static_cast<int>(n));
    }
    e.result = metrics::evaluate_maps(view<const float, 3>(e.maps),
                                      view<const std::uint8_t, 3>{e.masks.data(), {{n, s, s}}},
                                      e.scores, e.labels);
    return e;
}

/// The scores of picture files, in their order, for example for threshold_of_good.
template <class Context, class Predict>
[[nodiscard]] std::vector<double> image_scores(Context& ctx,
                                               Predict&& predict,
                                               int size,
                                               const std::vector<std::filesystem::path>& pictures,
                                               const picture_options& reading = {}) {
    auto memory = host_memory::beside(ctx);
    std::vector<double> scores;
    for (const auto& path : pictures) {
        const auto found = predict(detect::model_pixels(memory, read_picture(path, reading), size));
        scores.push_back(static_cast<double>(on_host(ctx, found.scores).data()[0]));
    }
    return scores;
}

} // namespace pfad
