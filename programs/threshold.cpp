// pfad_threshold: a model with another threshold, chosen from the scores of pictures.
#include "session/options.hpp"

#include <pfad/data/files.hpp>
#include <pfad/evaluate/threshold.hpp>

#include <algorithm>

namespace {

struct arguments {
    std::string model, good, bad, out;
    double false_alarms = -1; // not given
    std::optional<double> unsure;
    program::tiles_option tiles;
    program::reading_options reading;
    program::device_options device;
};

void check(const arguments& a) {
    if (a.bad.empty() == (a.false_alarms < 0))
        pfad::fail(pfad::errc::value,
                   "the threshold comes from --false-alarms or from --bad; give one of the two");
}

std::string text(double score, const pfad::score_range& range) {
    char digits[32];
    std::snprintf(digits, sizeof digits, range.probability ? "%.6f" : "%.4g", score);
    return digits;
}

void print_range(const char* kind,
                 const std::vector<double>& scores,
                 double threshold,
                 const pfad::score_range& range) {
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    std::printf("%-10s %zu, scores %s to %s, of which defects: %zu\n", kind, scores.size(),
                text(*low, range).c_str(), text(*high, range).c_str(),
                pfad::defects_from(threshold, scores));
}

int choose(const arguments& a, const std::string& command) {
    check(a);
    auto file = pfad::load_safetensors(a.model);
    pfad::data::passed_over others;
    const auto good = pfad::data::list_pictures(a.good, &others);
    const auto bad = a.bad.empty() ? std::vector<std::filesystem::path>()
                                   : pfad::data::list_pictures(a.bad, &others);
    program::note_passed_over(others);
    program::files_apart files;
    files.reads(a.model);
    files.reads_all(good);
    files.reads_all(bad);
    files.writes(a.out);
    const auto work = program::make_session(a.device, pfad::method_of(file), a.reading);
    work->open(file);
    const double before = work->threshold();
    const auto range = work->scores;
    program::progress progress(static_cast<int>(good.size() + bad.size()));
    int done = 0;
    const auto scores_of = [&](const std::vector<std::filesystem::path>& pictures) {
        std::vector<double> scores;
        for (const auto& path : pictures) {
            const auto picture = pfad::read_picture(path.string(), work->reading);
            scores.push_back(work->inspect(picture, a.tiles.side).score);
            progress.show(++done, 1, "scoring");
        }
        return scores;
    };
    const auto good_scores = scores_of(good), bad_scores = scores_of(bad);
    const double threshold =
        bad.empty() ? pfad::threshold_of_false_alarms(good_scores, a.false_alarms, range)
                    : pfad::threshold_of_best_f1(good_scores, bad_scores, range);

    file.metadata["threshold"] = pfad::exact_text(threshold);
    file.metadata["threshold_command"] = command;
    file.metadata.erase("preview"); // it shows outlines at the threshold before
    // What goes with the threshold before.
    for (const char* const of_before : {"unsure_threshold", "false_alarms", "gauge"})
        file.metadata.erase(of_before);
    double unsure = 0;
    if (a.unsure) {
        unsure = pfad::threshold_of_false_alarms(good_scores, *a.unsure, range);
        if (unsure >= threshold)
            pfad::fail(pfad::errc::value,
                       "--unsure: no score is, since that share of the good pictures is not larger "
                       "than the one that is called a defect");
        file.metadata["unsure_threshold"] = pfad::exact_text(unsure);
    }
    // The threshold of the best F1 is not one of the good pictures alone.
    std::string false_alarms;
    if (bad.empty()) {
        false_alarms = program::false_alarms_text(pfad::defects_from(threshold, good_scores),
                                                  good_scores.size()) +
                       ", unless the network was trained with these";
        if (!a.tiles.side)
            file.metadata["false_alarms"] = false_alarms;
    }
    pfad::save_safetensors(a.out, file.tensors, file.metadata);
    print_range("good", good_scores, threshold, range);
    if (!bad.empty()) {
        print_range("bad", bad_scores, threshold, range);
        std::printf("%-10s %.4f\n", "F1", pfad::f1_of(threshold, good_scores, bad_scores));
    }
    std::printf("%-10s %s, before %s\n", "threshold", text(threshold, range).c_str(),
                text(before, range).c_str());
    if (a.unsure)
        std::printf("%-10s from %s, with the defects %zu of the good pictures\n", "unsure",
                    text(unsure, range).c_str(), pfad::defects_from(unsure, good_scores));
    if (!false_alarms.empty())
        std::printf("%s\n", false_alarms.c_str());
    program::print_line(a.out + " written");
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_threshold", [&] {
        arguments a;
        CLI::App app{
            "Writes a model whose threshold comes from pictures: the lowest that keeps a rate of "
            "false alarms, or the one with the best F1."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train; stays as it is")
            ->required();
        app.add_option("--good", a.good, "folder of good pictures")->required();
        app.add_option("--false-alarms", a.false_alarms,
                       "share of the good pictures that may be called a defect, such as 0.01")
            ->check(CLI::Range(0.0, 0.999999));
        app.add_option("--unsure", a.unsure,
                       "share of the good pictures that may be unsure or a defect, such as 0.1: "
                       "scores from there up to the threshold are unsure")
            ->check(CLI::Range(0.0, 0.999999));
        app.add_option("--bad", a.bad, "folder of pictures with defects: the best F1 is wanted");
        app.add_option("--out", a.out, "the new model file")->required();
        a.tiles.add_to(app);
        a.reading.add_to(app);
        a.device.add_to(app);
        return program::parse_and_run(app, argc, argv,
                                      [&] { return choose(a, program::command_line(argc, argv)); });
    });
}
