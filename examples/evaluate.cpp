// pfad_evaluate: the metrics of a trained model on a category, its maps and a report page.
#include "device/options.hpp"

#include <pfad/train/report.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <optional>
#include <set>

namespace {

using pfad::train::evaluation;

struct arguments {
    std::string model, data, json, maps, report;
    program::device_options device;
};

std::string category_name(const std::string& path) {
    auto folder = std::filesystem::path(path);
    if (!folder.has_filename())
        folder = folder.parent_path();
    return folder.filename().string();
}

struct named_metric {
    const char* key;
    const char* title;
    std::optional<double> pfad::metrics::metrics_result::*value;
};
constexpr named_metric metrics[] = {
    {"image_auroc", "image AUROC", &pfad::metrics::metrics_result::image_auroc},
    {"pixel_auroc", "pixel AUROC", &pfad::metrics::metrics_result::pixel_auroc},
    {"pixel_ap", "pixel AP", &pfad::metrics::metrics_result::pixel_ap},
    {"aupro", "AUPRO", &pfad::metrics::metrics_result::aupro},
    {"iap", "IAP", &pfad::metrics::metrics_result::iap},
    {"iap90", "IAP@90", &pfad::metrics::metrics_result::iap90}};

nlohmann::json to_json(const evaluation& e,
                       const pfad::model_description& d,
                       const std::string& name,
                       double seconds) {
    nlohmann::json j;
    for (const auto& m : metrics) {
        const auto& value = e.result.*m.value;
        j[m.key] = value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    }
    j["images"] = e.items.size();
    j["good"] = e.result.good;
    j["anomalous"] = e.result.anomalous;
    j["instances"] = e.result.instances;
    j["seconds"] = seconds;
    j["protocol"] = pfad::train::evaluation_protocol(d.size);
    j["category"] = name;
    j["threshold"] = d.threshold;
    j["pictures"] = nlohmann::json::array();
    for (std::size_t i = 0; i < e.items.size(); ++i)
        j["pictures"].push_back(
            {{"picture", e.items[i].kind + "/" + e.items[i].picture.filename().string()},
             {"anomalous", e.labels[i] != 0},
             {"score", e.scores[i]}});
    if (!e.result.reason.empty())
        j["undefined"] = e.result.reason;
    return j;
}

void write_text(const std::string& path, const std::string& text) {
    pfad::write_atomically(
        path, pfad::byte_span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

pfad::in<float, 2> map_of(const evaluation& e, std::size_t i, int size) {
    return {e.maps.data() + static_cast<std::int64_t>(i) * size * size, {{size, size}}};
}

// Each picture with its heat map at its own size, in folders by kind.
void write_maps(const evaluation& e, const pfad::model_description& d, const std::string& folder) {
    std::vector<std::filesystem::path> sources;
    for (const auto& item : e.items)
        sources.push_back(item.picture);
    program::result_paths paths(std::move(sources));
    for (std::size_t i = 0; i < e.items.size(); ++i) {
        const auto kind = std::filesystem::path(folder) / e.items[i].kind;
        std::error_code problem;
        std::filesystem::create_directories(kind, problem);
        if (problem)
            pfad::fail(pfad::errc::io, kind.string() + ": cannot be made: " + problem.message());
        const auto picture = pfad::read_picture(e.items[i].picture.string());
        pfad::write_png(
            paths.next(kind, e.items[i].picture),
            pfad::inspect::render_inspection(picture, map_of(e, i, d.size), d.threshold));
    }
}

// The losses of the run that made the model, where its log lies beside it.
std::vector<pfad::train::report_chart> read_losses(const std::string& model) {
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
std::vector<std::size_t> gallery_order(const evaluation& e) {
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

void write_page(const evaluation& e,
                const pfad::model_description& d,
                const arguments& a,
                double seconds,
                const std::string& command) {
    pfad::train::report_data page;
    std::string const name = category_name(a.data);
    const auto note = [&](const char* key) {
        auto const found = d.notes.find(key);
        return found == d.notes.end() ? std::string("unknown") : found->second;
    };
    page.title = "pfad: " + name;
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
                {"evaluation", command},
                {"network", std::string("RCM ") + flag(d.options.rcm) + ", AFF " +
                                flag(d.options.aff) + ", PCAR " + flag(d.options.pcar)},
                {"teacher", note("teacher")},
                {"training took", note("training_seconds") + " s"},
                {"evaluation took", std::to_string(seconds) + " s"},
                {"date", date}};
    char text[32];
    for (const auto& m : metrics)
        if (const auto& value = e.result.*m.value) {
            std::snprintf(text, sizeof text, "%.3f", *value);
            page.cards.push_back({m.title, text, ""});
        }
    page.charts = read_losses(a.model);
    page.categories = {{name, e.result}};
    page.protocol = pfad::train::evaluation_protocol(d.size);
    page.scores.threshold = d.threshold;
    for (std::size_t i = 0; i < e.items.size(); ++i)
        (e.labels[i] ? page.scores.anomalous : page.scores.good).push_back(e.scores[i]);
    for (std::size_t const i : gallery_order(e)) {
        const auto picture = pfad::read_picture(e.items[i].picture.string());
        std::vector<float> truth(e.masks.begin() + static_cast<std::ptrdiff_t>(i) * d.size * d.size,
                                 e.masks.begin() +
                                     static_cast<std::ptrdiff_t>(i + 1) * d.size * d.size);
        pfad::train::report_entry entry;
        entry.caption = e.items[i].kind + "/" + e.items[i].picture.filename().string();
        entry.score = e.scores[i];
        entry.threshold = d.threshold;
        entry.anomalous = e.labels[i] != 0;
        entry.panels = pfad::train::gallery_panels(
            picture, map_of(e, i, d.size),
            pfad::view<const float, 2>{truth.data(), {{d.size, d.size}}}, d.threshold);
        page.gallery.push_back(std::move(entry));
    }
    pfad::train::write_report(a.report, page);
}

int evaluate(const arguments& a, const std::string& command) {
    const auto file = pfad::load_safetensors(a.model);
    const auto description = pfad::describe_model(file);
    const auto device = program::make_device(a.device);
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    pfad::pfadseg<float> model(memory, description.options);
    pfad::from_state_dict(model, file);
    program::progress progress(static_cast<int>(pfad::data::list_test_items(a.data).size()));
    const auto e = device->evaluate(model, description.size, a.data,
                                    [&](int done, int) { progress.show(done, 1, "evaluating"); });
    const double seconds = progress.seconds();
    for (const auto& m : metrics) {
        const auto& value = e.result.*m.value;
        if (value)
            std::printf("%-12s %.4f\n", m.title, *value);
        else
            std::printf("%-12s undefined\n", m.title);
    }
    if (!e.result.reason.empty())
        std::printf("%s\n", e.result.reason.c_str());
    std::printf("%s\n", pfad::train::evaluation_protocol(description.size).c_str());
    if (!a.maps.empty())
        write_maps(e, description, a.maps);
    if (!a.report.empty())
        write_page(e, description, a, seconds, command);
    if (!a.json.empty())
        write_text(a.json, to_json(e, description, category_name(a.data), seconds)
                                   .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                               "\n");
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Tests a model on a category in the MVTec AD layout and prints the metrics."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
    app.add_option("--data", a.data, "folder of the category")->required();
    app.add_option("--json", a.json, "write the metrics to this file");
    app.add_option("--maps", a.maps, "write every picture with its heat map into this folder");
    app.add_option("--report", a.report, "write a page (HTML) with metrics, losses and pictures");
    a.device.add_to(app);
    if (const int status = program::parse("pfad_evaluate", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_evaluate",
                        [&] { return evaluate(a, program::command_line(argc, argv)); });
}
