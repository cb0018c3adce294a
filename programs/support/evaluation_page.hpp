// The page of pfad_evaluate: what was run, metrics, losses and pictures.
#pragma once

#include "session/session.hpp"

#include <pfad/io/image.hpp>
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

/// A model that has been tested.
struct evaluation_run {
    session& work;                       ///< with the network
    pfad::model_description description; ///< of the model
    std::string category;                ///< its name
    std::string model;                   ///< its file
    std::string command;
    std::string changed = {}; ///< what was done to the pictures, a sentence; empty: nothing
    pfad::evaluation found = {};
    double seconds = 0;

    [[nodiscard]] std::string protocol() const {
        return pfad::evaluation_protocol(description.size, work.scores) + changed;
    }
    /// See score_range.
    [[nodiscard]] double brightest() const { return work.scores.brightest(description.threshold); }
    /// Of a picture, by its place among the items.
    [[nodiscard]] pfad::in<float, 2> map(std::size_t i) const {
        const std::int64_t side = description.size;
        return {found.maps.data() + static_cast<std::int64_t>(i) * side * side, {{side, side}}};
    }
};

inline std::string picture_name(const pfad::data::test_item& item) {
    return item.kind + "/" + item.picture.filename().string();
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
        // Of a line that is cut or no number there is nothing to draw.
        const auto j = nlohmann::json::parse(line, nullptr, false);
        const auto number = [&](const std::string& key) -> std::optional<double> {
            if (!j.is_object() || !j.contains(key) || !j[key].is_number())
                return {};
            return j[key].get<double>();
        };
        const auto stage = number("stage"), iteration = number("iteration");
        for (std::size_t i = 0; i < charts.size(); ++i)
            if (stage == static_cast<double>(i + 1) && iteration)
                for (auto& curve : charts[i].curves)
                    if (const auto loss = number(curve.name))
                        curve.points.push_back({*iteration, *loss});
    }
    std::erase_if(charts, [](const auto& chart) {
        return std::ranges::all_of(chart.curves, [](const auto& c) { return c.points.empty(); });
    });
    return charts;
}

// The gallery: the clearest and the hardest of each kind, so that a reader sees failures too.
inline std::vector<std::size_t> gallery_order(const pfad::evaluation& e) {
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

inline void write_page(const std::string& path, const evaluation_run& run) {
    const auto& e = run.found;
    const auto& d = run.description;
    const auto note = [&](const char* key) {
        const auto found = d.notes.find(key);
        return found == d.notes.end() ? std::string("unknown") : found->second;
    };
    pfad::report::report_data page;
    page.title = "pfad: " + run.category;
    page.summary = run.work.title + ", trained on " + note("training_pictures") +
                   " good pictures alone, tested on " + std::to_string(e.items.size()) +
                   " new ones.";
    if (note("teacher") == "random")
        page.summary += " The teacher is random: with ImageNet weights the figures are better.";
    char date[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", std::localtime(&now));
    std::string network;
    for (const auto& o : run.work.options())
        if (o.kind == pfad::option_kind::network)
            network += (network.empty() ? "" : ", ") + std::string(o.name) + " " + value_text(o);
    page.run = {{"training", note("command")},
                {"evaluation", run.command},
                {"method", run.work.title},
                {"teacher", note("teacher")},
                {"training took", note("training_seconds") + " s"},
                {"evaluation took", std::to_string(run.seconds) + " s"},
                {"date", date}};
    if (!network.empty())
        page.run.insert(page.run.begin() + 3, {"network", network});
    for (const auto& [title, key] : {std::pair("false alarms", "false_alarms"), {"gauge", "gauge"}})
        if (d.notes.contains(key)) // older files have none
            page.run.push_back({title, note(key)});
    page.charts = read_losses(run.model, run.work.stages());
    page.category = run.category;
    page.result = e.result;
    page.protocol = run.protocol();
    const double brightest = run.brightest();
    if (brightest != 1)
        page.protocol += " Scores are drawn as shares of four thresholds, those above it at 1.";
    // On the scale of heat maps, whose end is 1.
    const auto shown = [&](double score) { return std::min(score / brightest, 1.0); };
    page.threshold = shown(d.threshold);
    for (std::size_t i = 0; i < e.items.size(); ++i)
        (e.labels[i] ? page.anomalous : page.good).push_back(shown(e.scores[i]));
    for (const std::size_t i : gallery_order(e)) {
        const auto picture = pfad::read_picture(e.items[i].picture.string(), run.work.reading);
        const auto mask = e.masks.begin() + static_cast<std::ptrdiff_t>(i) * d.size * d.size;
        const std::vector<float> truth(mask, mask + static_cast<std::ptrdiff_t>(d.size) * d.size);
        const bool known = !e.labels[i] || !e.items[i].mask.empty();
        page.gallery.push_back(
            {.caption = picture_name(e.items[i]),
             .score = shown(e.scores[i]),
             .score_text = brightest == 1 ? "" : pfad::report::brief(e.scores[i], 3),
             .anomalous = e.labels[i] != 0,
             .panels = pfad::report::gallery_panels(
                 picture, run.map(i),
                 known ? pfad::in<float, 2>{truth.data(), {{d.size, d.size}}}
                       : pfad::in<float, 2>{},
                 d.threshold, brightest)});
    }
    pfad::report::write_report(path, page);
}

} // namespace program
