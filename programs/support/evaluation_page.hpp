// The page of pfad_evaluate: what was run, metrics, losses and pictures.
#pragma once

#include <pfad/data/mvtec.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/evaluate/evaluator.hpp>
#include <pfad/io/image.hpp>
#include <pfad/metrics/list.hpp>
#include <pfad/report/page.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace program {

using pfad::evaluation;

/// What an evaluation was made of.
struct evaluation_run {
    std::string name;                      ///< of the category
    std::string model;                     ///< its file
    std::string title;                     ///< of the method
    pfad::option_list options;             ///< of the network
    std::vector<pfad::stage_facts> stages; ///< of its training
    std::string protocol;                  ///< see evaluation_protocol
    double brightest = 1;                  ///< see score_range
    std::string command;
    double seconds = 0;
};

inline std::string picture_name(const pfad::data::test_item& item) {
    return item.kind + "/" + item.picture.filename().string();
}

inline pfad::in<float, 2> map_of(const evaluation& e, std::size_t i, int size) {
    return {e.maps.data() + static_cast<std::int64_t>(i) * size * size, {{size, size}}};
}

// The losses of the run that made the model, where its log lies beside it: a chart a stage.
inline std::vector<pfad::report::report_chart>
read_losses(const std::string& model, const std::vector<pfad::stage_facts>& stages) {
    std::vector<pfad::report::report_chart> charts;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        charts.push_back({"Stage " + std::to_string(i + 1) + ": " + std::string(stages[i].name),
                          std::string(stages[i].meaning),
                          {}});
        for (const auto& loss : stages[i].losses)
            charts.back().curves.push_back({std::string(loss.key), {}});
    }
    std::ifstream log(std::filesystem::path(model).parent_path() / "log.jsonl");
    for (std::string line; std::getline(log, line);) {
        const auto j = nlohmann::json::parse(line, nullptr, false);
        const auto stage = j.is_object() ? j.value("stage", std::size_t(0)) : 0;
        if (stage < 1 || stage > charts.size())
            continue;
        for (auto& curve : charts[stage - 1].curves)
            if (j.contains(curve.name) && j[curve.name].is_number())
                curve.points.push_back({j.value("iteration", 0.0), j[curve.name].get<double>()});
    }
    std::erase_if(charts, [](const auto& chart) {
        return std::ranges::all_of(chart.curves, [](const auto& c) { return c.points.empty(); });
    });
    return charts;
}

// The gallery: the clearest and the hardest of each kind, so that a reader sees failures too.
inline std::vector<std::size_t> gallery_order(const evaluation& e) {
    std::vector<std::size_t> chosen;
    std::set<std::string> kinds;
    for (const auto& item : e.items)
        kinds.insert(item.kind);
    for (const auto& kind : kinds) {
        std::vector<std::size_t> of;
        for (std::size_t i = 0; i < e.items.size(); ++i)
            if (e.items[i].kind == kind)
                of.push_back(i);
        std::sort(of.begin(), of.end(),
                  [&](std::size_t a, std::size_t b) { return e.scores[a] > e.scores[b]; });
        const std::size_t count = std::min<std::size_t>(of.size(), kinds.size() > 3 ? 3 : 4);
        for (std::size_t k = 0; k < count; ++k)
            chosen.push_back(of[count == 1 ? 0 : k * (of.size() - 1) / (count - 1)]);
    }
    return chosen;
}

inline void write_page(const std::string& path,
                       const evaluation& e,
                       const pfad::model_description& d,
                       const evaluation_run& run) {
    pfad::report::report_data page;
    const auto note = [&](const char* key) {
        const auto found = d.notes.find(key);
        return found == d.notes.end() ? std::string("unknown") : found->second;
    };
    page.title = "pfad: " + run.name;
    page.summary = run.title + ", trained on " + note("training_pictures") +
                   " good pictures alone, tested on " + std::to_string(e.items.size()) +
                   " new ones.";
    if (note("teacher") == "random")
        page.summary += " The teacher is random: with ImageNet weights the figures are better.";
    char date[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", std::localtime(&now));
    std::string network;
    for (const auto& o : run.options)
        if (o.kind == pfad::option_kind::network)
            network += (network.empty() ? "" : ", ") + std::string(o.name) + " " + value_text(o);
    page.run = {{"training", note("command")},
                {"evaluation", run.command},
                {"method", run.title},
                {"teacher", note("teacher")},
                {"training took", note("training_seconds") + " s"},
                {"evaluation took", std::to_string(run.seconds) + " s"},
                {"date", date}};
    if (!network.empty())
        page.run.insert(page.run.begin() + 3, {"network", network});
    char text[32];
    for (const auto& m : pfad::metrics::list)
        if (const auto& value = e.result.*m.value) {
            std::snprintf(text, sizeof text, "%.3f", *value);
            page.cards.push_back({m.title, text, ""});
        }
    page.charts = read_losses(run.model, run.stages);
    page.categories = {{run.name, e.result}};
    page.protocol = run.protocol;
    if (run.brightest != 1)
        page.protocol += " Scores are drawn as shares of four thresholds, those above it at 1.";
    // On the scale of heat maps, whose end is 1.
    const auto shown = [&](double score) { return std::min(score / run.brightest, 1.0); };
    page.scores.threshold = shown(d.threshold);
    for (std::size_t i = 0; i < e.items.size(); ++i)
        (e.labels[i] ? page.scores.anomalous : page.scores.good).push_back(shown(e.scores[i]));
    for (const std::size_t i : gallery_order(e)) {
        const auto picture = pfad::read_picture(e.items[i].picture.string());
        const auto mask = e.masks.begin() + static_cast<std::ptrdiff_t>(i) * d.size * d.size;
        const std::vector<float> truth(mask, mask + static_cast<std::ptrdiff_t>(d.size) * d.size);
        const bool known = !e.labels[i] || !e.items[i].mask.empty();
        pfad::report::report_entry entry;
        entry.caption = picture_name(e.items[i]);
        entry.score = shown(e.scores[i]);
        entry.threshold = shown(d.threshold);
        if (run.brightest != 1) {
            std::snprintf(text, sizeof text, "%.3g", e.scores[i]);
            entry.score_text = text;
        }
        entry.anomalous = e.labels[i] != 0;
        entry.panels = pfad::report::gallery_panels(
            picture, map_of(e, i, d.size),
            known ? pfad::view<const float, 2>{truth.data(), {{d.size, d.size}}}
                  : pfad::view<const float, 2>{},
            d.threshold, run.brightest);
        page.gallery.push_back(std::move(entry));
    }
    pfad::report::write_report(path, page);
}

} // namespace program
