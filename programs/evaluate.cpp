// pfad_evaluate: the metrics of a trained model on a category, its maps and a report page.
#include "session/options.hpp"
#include "support/evaluation_record.hpp"

#include <pfad/data/labelled.hpp>
#include <pfad/metrics/list.hpp>

#include <cmath>

namespace {

/// Where the test pictures are: one of three ways to say it.
struct test_options {
    std::string data, good, bad, masks, csv;

    void add_to(CLI::App& app) {
        app.add_option("--data", data, "folder of the category, in the MVTec AD layout");
        app.add_option("--good", good, "or: folder of good pictures, with --bad");
        app.add_option("--bad", bad, "folder of pictures with defects");
        app.add_option(
            "--masks", masks,
            "of the bad pictures: NAME.png, NAME_mask.png or a folder NAME in this folder");
        app.add_option("--csv", csv, "or: file with the columns path, label (good or bad), mask");
    }

    [[nodiscard]] std::vector<pfad::data::test_item> list(pfad::data::passed_over& others) const {
        const bool folders = !good.empty() || !bad.empty() || !masks.empty();
        if (!data.empty() + folders + !csv.empty() != 1 ||
            (folders && (good.empty() || bad.empty())))
            pfad::fail(pfad::errc::value,
                       "the pictures are given by --data, by --good and --bad, or "
                       "by --csv; give one of the three");
        return folders       ? pfad::data::list_labelled_folders(good, bad, masks, &others)
               : csv.empty() ? pfad::data::list_test_items(data, &others)
                             : pfad::data::list_labelled_csv(csv);
    }

    /// The folder's name, or the CSV file's, or that of the folder which holds the good pictures.
    [[nodiscard]] std::string name() const {
        if (!csv.empty())
            return std::filesystem::path(csv).stem().string();
        auto folder = std::filesystem::absolute(data.empty() ? good : data).lexically_normal();
        if (!folder.has_filename())
            folder = folder.parent_path();
        return (data.empty() ? folder.parent_path() : folder).filename().string();
    }
};

struct arguments {
    std::string model, json, maps, report;
    bool record = false;
    double brightness = 1, shift = 0; // of the test pictures
    test_options test;
    program::reading_options reading;
    program::device_options device;
};

nlohmann::json to_json(const program::evaluation_run& run) {
    const auto& e = run.found;
    nlohmann::json j;
    for (const auto& m : pfad::metrics::list)
        j[m.key] = (e.result.*m.value).value_or(NAN); // which JSON has as null
    j["images"] = e.items.size();
    j["good"] = e.result.good;
    j["anomalous"] = e.result.anomalous;
    j["instances"] = e.result.instances;
    j["seconds"] = run.seconds;
    j["protocol"] = run.protocol();
    j["category"] = run.category;
    j["threshold"] = run.description.threshold;
    j["pictures"] = nlohmann::json::array();
    for (std::size_t i = 0; i < e.items.size(); ++i)
        j["pictures"].push_back({{"picture", program::picture_name(e.items[i])},
                                 {"path", e.items[i].picture.string()},
                                 {"anomalous", e.labels[i] != 0},
                                 {"score", e.scores[i]}});
    if (!e.result.reason.empty())
        j["undefined"] = e.result.reason;
    return j;
}

// Each picture with its heat map at its own size, in folders by kind.
void write_maps(const program::evaluation_run& run,
                const std::string& folder,
                const program::files_apart& files) {
    const auto& items = run.found.items;
    program::result_paths paths(files);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto kind = std::filesystem::path(folder) / items[i].kind;
        pfad::data::make_folder(kind);
        const auto picture = pfad::read_picture(items[i].picture.string(), run.work.reading);
        pfad::write_png(paths.next(kind, items[i].picture),
                        pfad::report::render_inspection(
                            picture, run.map(i), run.description.threshold, run.brightest()));
    }
}

int evaluate(const arguments& a, const std::string& command) {
    pfad::data::passed_over others;
    auto items = a.test.list(others);
    program::note_passed_over(others);
    program::files_apart files;
    files.reads(a.model);
    files.reads(a.test.csv);
    files.reads(std::filesystem::path(a.model).parent_path() /
                "log.jsonl"); // of which the page tells
    for (const auto& item : items) {
        files.reads(item.picture);
        files.reads(item.mask);
    }
    files.writes(a.json);
    files.writes(a.report);
    files.writes_into(a.maps);
    const bool changes = a.brightness != 1 || a.shift != 0;
    if (changes && (a.record || !a.maps.empty() || !a.report.empty()))
        pfad::fail(pfad::errc::value,
                   "--record, --maps and --report are of the pictures as they are; leave out "
                   "--brightness and --shift");
    if (a.record)
        pfad::expect_writable(a.model);
    const auto file = pfad::load_safetensors(a.model);
    const auto work = program::make_session(a.device, pfad::method_of(file), a.reading);
    program::evaluation_run run{*work, work->load(file), a.test.name(), a.model, command};
    const pfad::jitter_draw change = {.brightness = static_cast<float>(a.brightness),
                                      .down = static_cast<float>(a.shift),
                                      .across = static_cast<float>(a.shift)};
    if (changes)
        run.changed = " Every picture was changed: " + pfad::exact_text(a.brightness) +
                      " times as bright, moved down and to the right by " +
                      pfad::exact_text(a.shift) + " of its size.";
    program::progress progress(static_cast<int>(items.size()));
    run.found = work->evaluate(
        run.description.size, std::move(items),
        [&](int done, int) { progress.show(done, 1, "evaluating"); },
        changes ? std::optional(change) : std::nullopt);
    run.seconds = progress.seconds();
    const auto& result = run.found.result;
    for (const auto& m : pfad::metrics::list)
        if (const auto& value = result.*m.value)
            std::printf("%-12s %.4f\n", m.title, *value);
        else
            std::printf("%-12s undefined\n", m.title);
    if (!result.reason.empty())
        std::printf("%s\n", result.reason.c_str());
    std::printf("%s\n", run.protocol().c_str());
    if (!a.maps.empty())
        write_maps(run, a.maps, files);
    if (!a.report.empty())
        program::write_page(a.report, run);
    if (!a.json.empty())
        pfad::write_atomically(a.json, program::to_text(to_json(run), 2) + "\n");
    if (a.record)
        program::record_evaluation(file, run);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        pfad::fail(pfad::errc::io, "standard output: cannot be written");
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_evaluate", [&] {
        arguments a;
        CLI::App app{"Tests a model on labelled pictures and prints the metrics."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
        a.test.add_to(app);
        app.add_option("--json", a.json, "write the metrics to this file");
        app.add_option("--maps", a.maps, "write every picture with its heat map into this folder");
        app.add_option("--report", a.report,
                       "write a page (HTML) with metrics, losses and pictures");
        app.add_option("--brightness", a.brightness,
                       "test the pictures at so many times their brightness")
            ->check(CLI::Range(0.1, 10.0))
            ->capture_default_str();
        app.add_option("--shift", a.shift,
                       "test them moved down and to the right by this share of their size")
            ->check(CLI::Range(-0.5, 0.5))
            ->capture_default_str();
        app.add_flag("--record", a.record,
                     "keep the metrics and a preview in the model file, for pfad_info");
        a.reading.add_to(app);
        a.device.add_to(app);
        return program::parse_and_run(
            app, argc, argv, [&] { return evaluate(a, program::command_line(argc, argv)); });
    });
}
