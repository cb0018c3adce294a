// The page of pfad_evaluate: what was run, metrics, losses and pictures.
#pragma once

#include <pfad/data/mvtec.hpp>
#include <pfad/io/image.hpp>
#include <pfad/metrics/list.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/train/evaluator.hpp>
#include <pfad/train/report.hpp>

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

using pfad::train::evaluation;

/// What an evaluation was made of.
struct evaluation_run {
    std::string name; ///< of the category
    std::string model, command;
    double seconds = 0;
};

inline std::string picture_name(const pfad::data::test_item& item) {
    return item.kind + "/" + item.picture.filename().string();
}

inline pfad::in<float, 2> map_of(const evaluation& e, std::size_t i, int size) {
    return {e.maps.data() + static_cast<std::int64_t>(i) * size * size, {{size, size}}};
}

// The losses of the run that made the model, where its log lies beside it.
inline std::vector<pfad::train::report_chart> read_losses(const std::string& model) {
    std::ifstream log(std::filesystem::path(model).parent_path() / "log.jsonl");
    pfad::train::curve cosine{"cosine distance", {}}, focal{"focal", {}}, l1{"L1", {}};
    for (std::string line; std::getline(log, line);) {
        const auto j = nlohmann::json::parse(line, nullptr, false);
        if (!j.is_object())
            continue;
        const double at = j.value("iteration", 0.0);
        for (auto [curve, key] : {std::pair(&cosine, "cosine"), {&focal, "focal"}, {&l1, "l1"}})
            if (j.contains(key) && j[key].is_number())
                curve->points.push_back({at, j[key].get<double>()});
    }
    std::vector<pfad::train::report_chart> charts;
    if (!cosine.points.empty())
        charts.push_back({"Stage one: the student",
                          "Cosine distance of student and teacher features, "
                          "summed over three levels, a picture.",
                          {cosine}});
    if (!focal.points.empty())
        charts.push_back({"Stage two: the segmentation network",
                          "Against the masks of the synthetic anomalies.",
                          {focal, l1}});
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
        std::size_t const count = std::min<std::size_t>(of.size(), kinds.size() > 3 ? 3 : 4);
        for (std::size_t k = 0; k < count; ++k)
            chosen.push_back(of[count == 1 ? 0 : k * (of.size() - 1) / (count - 1)]);
    }
    return chosen;
}

inline void write_page(const std::string& path,
                       const evaluation& e,
                       const pfad::model_description& d,
                       const evaluation_run& run) {
    pfad::train::report_data page;
    const auto note = [&](const char* key) {
        auto const found = d.notes.find(key);
        return found == d.notes.end() ? std::string("unknown") : found->second;
    };
    page.title = "pfad: " + run.name;
    page.summary = "PFADSeg, trained on " + note("training_pictures") +
                   " good pictures alone, tested on " + std::to_string(e.items.size()) +
                   " new ones.";
    if (note("teacher") == "random")
        page.summary += " The teacher is random: with ImageNet weights the figures are better.";
    char date[32];
    std::time_t const now = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", std::localtime(&now));
    const auto flag = [](bool on) { return on ? "on" : "off"; };
    page.run = {{"training", note("command")},
                {"evaluation", run.command},
                {"network", std::string("RCM ") + flag(d.options.rcm) + ", AFF " +
                                flag(d.options.aff) + ", PCAR " + flag(d.options.pcar)},
                {"teacher", note("teacher")},
                {"training took", note("training_seconds") + " s"},
                {"evaluation took", std::to_string(run.seconds) + " s"},
                {"date", date}};
    char text[32];
    for (const auto& m : pfad::metrics::list)
        if (const auto& value = e.result.*m.value) {
            std::snprintf(text, sizeof text, "%.3f", *value);
            page.cards.push_back({m.title, text, ""});
        }
    page.charts = read_losses(run.model);
    page.categories = {{run.name, e.result}};
    page.protocol = pfad::train::evaluation_protocol(d.size);
    page.scores.threshold = d.threshold;
    for (std::size_t i = 0; i < e.items.size(); ++i)
        (e.labels[i] ? page.scores.anomalous : page.scores.good).push_back(e.scores[i]);
    for (std::size_t const i : gallery_order(e)) {
        const auto picture = pfad::read_picture(e.items[i].picture.string());
        const auto mask = e.masks.begin() + static_cast<std::ptrdiff_t>(i) * d.size * d.size;
        const std::vector<float> truth(mask, mask + static_cast<std::ptrdiff_t>(d.size) * d.size);
        const bool known = !e.labels[i] || !e.items[i].mask.empty();
        pfad::train::report_entry entry;
        entry.caption = picture_name(e.items[i]);
        entry.score = e.scores[i];
        entry.threshold = d.threshold;
        entry.anomalous = e.labels[i] != 0;
        entry.panels = pfad::train::gallery_panels(
            picture, map_of(e, i, d.size),
            known ? pfad::view<const float, 2>{truth.data(), {{d.size, d.size}}}
                  : pfad::view<const float, 2>{},
            d.threshold);
        page.gallery.push_back(std::move(entry));
    }
    pfad::train::write_report(path, page);
}

} // namespace program
