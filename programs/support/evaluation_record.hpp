// What pfad_evaluate --record leaves in the metadata of a model file; docs/file_formats.md has the keys.
#pragma once

#include "support/evaluation_page.hpp"

#include <pfad/io/base64.hpp>
#include <pfad/metrics/list.hpp>
#include <pfad/report/heat_map.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace program {

/// The anomalous pictures with the three highest scores, or as many as there are, each beside its
/// overlay; none where there is none.
inline std::optional<pfad::image_u8> preview_of(const evaluation_run& run, double threshold) {
    constexpr int longer_side = 192; // pixels: it is seen in a list of models
    const auto& e = run.found;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < e.items.size(); ++i)
        if (e.labels[i])
            order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return e.scores[a] > e.scores[b]; });
    order.resize(std::min<std::size_t>(order.size(), 3));
    std::vector<pfad::image_u8> panels;
    for (const std::size_t i : order) {
        const auto picture = pfad::read_picture(e.items[i].picture.string(), run.work.reading);
        const auto shown = pfad::report::gallery_panels(
            picture, run.map(i), {}, threshold, run.work.scores.brightest(threshold), longer_side);
        panels.push_back(shown.front().picture);
        panels.push_back(shown.back().picture);
    }
    if (panels.empty())
        return {};
    return pfad::report::side_by_side(panels);
}

/// Writes the model again with the metrics and the preview in place of those of an evaluation before.
/// What else the file says by now, such as a new threshold, stays. Throws errc::io where its weights are
/// no longer the evaluated ones.
inline void record_evaluation(const pfad::state_dict& evaluated, const evaluation_run& run) {
    auto file = pfad::load_safetensors(run.model);
    if (!std::ranges::equal(file.tensors, evaluated.tensors, [](const auto& a, const auto& b) {
            return a.first == b.first && std::ranges::equal(a.second.bytes, b.second.bytes);
        }))
        pfad::fail(pfad::errc::io,
                   run.model + ": has other weights than when the evaluation began; nothing is "
                               "recorded");
    for (const auto& m : pfad::metrics::list) {
        const auto& value = run.found.result.*m.value;
        file.metadata[m.key] = value ? pfad::exact_text(*value) : "undefined";
    }
    file.metadata["evaluation_command"] = run.command;
    file.metadata["evaluation_pictures"] = std::to_string(run.found.items.size());
    file.metadata.erase("preview");
    const double threshold = pfad::number_of(file.metadata.at("threshold")); // as it is by now
    if (const auto preview = preview_of(run, threshold))
        file.metadata["preview"] = pfad::base64(pfad::encode_png(*preview));
    pfad::save_safetensors(run.model, file.tensors, file.metadata);
}

} // namespace program
