// pfad_train: trains a detector on the good pictures of a category.
#include "support/runs.hpp"
#include "support/stop_signals.hpp"
#include "support/train_options.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/data/keep_out.hpp>
#include <pfad/data/mvtec.hpp>
#include <pfad/data/textures.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

namespace {

using arguments = program::train_arguments;

/// Loads the model of --from, whose network, size and name of the teacher become the run's. Throws
/// errc::value for an option that says otherwise.
void start_from(arguments& a) {
    const auto& file = *a.start;
    const auto agree = [&](const std::string& option, bool same) {
        if (a.given.contains(option) && !same)
            pfad::fail(pfad::errc::value,
                       option + ": " + a.from + " has its own, which --from goes on with");
    };
    agree("--teacher", false);
    agree("--layer-scale", false);
    // Options of training are those of this run, not those of the model's.
    std::map<std::string, std::string> wanted;
    for (const auto& o : a.work->options())
        wanted[std::string(o.name)] = pfad::value_text(o);
    const int size = a.work->load(file).size;
    agree("--size", a.input.run.size == size);
    for (const auto& o : a.work->options())
        if (o.kind == pfad::option_kind::network)
            agree(program::flag_of(o.name), wanted[std::string(o.name)] == pfad::value_text(o));
        else
            static_cast<void>(pfad::set_value(o, wanted[std::string(o.name)]));
    a.input.run.size = size;
    const auto note = file.metadata.find("teacher");
    a.teacher = note != file.metadata.end() ? note->second : a.from;
    std::uint64_t hash = 0; // of the weights alone: what the file says beside them may change
    for (const auto& [name, entry] : file.tensors)
        hash = 31 * hash + pfad::hash_name({reinterpret_cast<const char*>(entry.bytes.data()),
                                            entry.bytes.size()});
    a.input.run.start = std::to_string(hash);
}

/// The network as it is at the start.
void make_network(arguments& a) {
    if (a.start) {
        start_from(a);
        a.start.reset();
        return;
    }
    const auto& run = a.input.run;
    a.work->make(run.seed);
    if (a.teacher == "random")
        a.work->make_pretrained(run.size, run.seed, a.input.good, a.device.threads);
    else
        a.work->load_pretrained(a.teacher);
}

pfad::data::rotation rotation_of(const arguments& a) {
    using pfad::data::rotation;
    for (const auto kind : {rotation::none, rotation::slight, rotation::full})
        if (a.rotate == pfad::data::name_of(kind))
            return kind;
    // However the path is written: `.`, a link, other letters.
    std::error_code absent;
    const auto folder = std::filesystem::canonical(a.data, absent);
    return pfad::data::mvtec_rotation(pfad::data::lower_case(folder.filename().string()));
}

nlohmann::json log_line(const pfad::train::training_step& step) {
    nlohmann::json line = {
        {"stage", step.stage}, {"iteration", step.iteration}, {"seconds", step.seconds}};
    for (const auto& loss : step.losses)
        line[std::string(loss.key)] = loss.value;
    return line;
}

/// "student: cosine 0.0123".
std::string losses(const std::vector<pfad::stage_facts>& stages,
                   const pfad::train::training_step& step) {
    std::string text(stages[static_cast<std::size_t>(step.stage) - 1].name);
    for (const auto& loss : step.losses) {
        char value[32];
        std::snprintf(value, sizeof value, " %.5f", loss.value);
        text += (&loss == step.losses.data() ? ": " : ", ") + std::string(loss.key) + value;
    }
    return text;
}

int batch_of(program::session& work) {
    for (const auto& o : work.options())
        if (o.name == "batch")
            return *std::get<int*>(o.value);
    return 1;
}

/// What a model file says of the pictures that were kept out: their names' hash.
std::string kept_out_hash(const arguments& a) {
    std::string names;
    for (const auto& file : a.good.kept_out)
        names += file.filename().string() + "/";
    return std::to_string(pfad::hash_name(names));
}

/// What it says of the teacher.
std::string teacher_note(const arguments& a) {
    return a.teacher == "random" ? "random" : std::filesystem::path(a.teacher).filename().string();
}

/// The threshold, and what is known of it, into the description.
void choose_threshold(const arguments& a, pfad::model_description& d) {
    const auto& out = a.good.kept_out;
    const auto scores = a.work->image_scores(d.size, out.empty() ? a.input.good : out);
    const auto range = a.work->scores;
    d.threshold = pfad::threshold_of_good(scores, range);
    if (a.false_alarms >= 0)
        try {
            d.threshold = pfad::threshold_of_false_alarms(scores, a.false_alarms, range);
        } catch (const pfad::error& problem) { // at the end of a training, which is not to be lost
            std::fprintf(stderr, "--false-alarms: %s; the usual threshold is taken\n",
                         problem.what());
        }
    const std::string text = program::score_text(d.threshold, range);
    d.notes["kept_out_pictures"] = std::to_string(out.size());
    d.notes["kept_out_hash"] = kept_out_hash(a);
    if (out.empty()) {
        std::printf("Threshold %s from the %zu training pictures, as none were kept out: new good "
                    "pictures score higher.\n",
                    text.c_str(), scores.size());
    } else if (!a.from.empty() && a.kept_out_before != d.notes["kept_out_hash"]) {
        std::printf("Threshold %s from %zu good pictures that this training did not see, but the "
                    "one of %s may have: new good pictures may score higher.\n",
                    text.c_str(), scores.size(), a.from.c_str());
    } else {
        const auto flagged = pfad::defects_from(d.threshold, scores);
        d.notes["false_alarms"] = program::false_alarms_text(flagged, scores.size());
        std::printf("Threshold %s from %zu good pictures that were kept out of training.\n%s.\n",
                    text.c_str(), scores.size(), d.notes["false_alarms"].c_str());
        if (a.false_alarms > 0 && pfad::false_alarm_limit(flagged, scores.size()) > a.false_alarms)
            std::printf("To promise %g %% takes %zu such pictures, none of them flagged.\n",
                        100 * a.false_alarms, pfad::pictures_for_limit(a.false_alarms));
    }
}

/// Refuses a folder with a run that was stopped, unless it is to go on.
void expect_no_checkpoint(const arguments& a) {
    const std::string checkpoint = a.out + "/checkpoint.safetensors";
    if (!a.input.resume && std::filesystem::exists(checkpoint))
        pfad::fail(pfad::errc::io, checkpoint + ": is of a run that was stopped; go on with "
                                                "--resume, or remove it to begin again");
}

/// The same of one with a model.
void expect_no_model(const arguments& a) {
    const std::string model = a.out + "/model.safetensors";
    if (!a.input.resume && std::filesystem::exists(model))
        pfad::fail(pfad::errc::io,
                   model + ": is there from an earlier run; choose another --out, or remove it");
}

/// One training into a.out. Returns the exit status.
int train_once(arguments& a, const std::string& command) {
    auto& input = a.input;
    auto& run = input.run;
    input.checkpoint = a.out + "/checkpoint.safetensors";
    const std::string model = a.out + "/model.safetensors";
    make_network(a);
    a.work->check(run.size);

    program::files_apart files;
    files.reads(a.from);
    files.reads(a.teacher);
    files.reads_all(input.good);
    files.reads_all(a.good.kept_out);
    files.reads_all(input.textures);
    pfad::data::make_folder(a.out);
    for (const auto& path : {model, input.checkpoint, a.out + "/log.jsonl"})
        files.writes(path);
    expect_no_model(a);
    const auto stages = a.work->stages();
    std::optional<program::run_log> log; // made once every picture has been opened
    program::progress progress(static_cast<int>(pfad::iterations_of(stages)));
    const int batch = batch_of(*a.work);
    std::printf("%zu good pictures, %zu more kept out, %zu textures, %dx%d, batch %d, rotation %s, "
                "%lld parameters to train\n",
                input.good.size(), a.good.kept_out.size(), input.textures.size(), run.size,
                run.size, batch, std::string(pfad::data::name_of(run.rotate)).c_str(),
                static_cast<long long>(a.work->trained_values()));
    for (const auto& path : a.good.kept_out) // the others are opened where they are sampled
        static_cast<void>(pfad::read_picture(path, run.reading));
    const int next = a.work->train(input, [&](const pfad::train::training_step& step) {
        if (!log)
            log.emplace(a.out + "/log.jsonl", step.iteration);
        const int signal = program::stop_signals::caught();
        log->add(log_line(step), step.saved || signal != 0);
        progress.show(step.iteration + 1, batch, losses(stages, step));
        return signal == 0;
    });
    if (const int signal = program::stop_signals::caught();
        signal != 0 && next < pfad::iterations_of(stages)) {
        std::fprintf(stderr,
                     "Stopped after iteration %d of %d; %s is written, and the same command with "
                     "--resume goes on.\n",
                     next, static_cast<int>(pfad::iterations_of(stages)), input.checkpoint.c_str());
        return 128 + signal;
    }

    pfad::model_description description{a.method, run.size, 0, {}, run.reading.bits};
    choose_threshold(a, description);
    description.notes["command"] = command;
    description.notes["teacher"] = teacher_note(a);
    description.notes["rotate"] = pfad::data::name_of(run.rotate);
    description.notes["seed"] = std::to_string(run.seed);
    description.notes["training_pictures"] = std::to_string(input.good.size());
    description.notes["training_seconds"] = std::to_string(progress.seconds());
    try {
        description.notes["gauge"] = pfad::gauge_text(
            a.work->measure_gauge(run.size, description.threshold,
                                  a.good.kept_out.empty() ? input.good : a.good.kept_out));
    } catch (const pfad::error& problem) { // the training is not to be lost
        description.notes["gauge"] = std::string("not measured: ") + problem.what();
    }
    std::printf("Gauge: %s.\n", description.notes["gauge"].c_str());
    a.work->save(model, description);
    std::error_code ignored;
    std::filesystem::remove(input.checkpoint, ignored);
    std::printf("%s/model.safetensors written after %.0f s\n", a.out.c_str(), progress.seconds());
    return 0;
}

/// Refuses a finished model of --runs that was trained otherwise than this command says.
void expect_same_run(arguments& a, const pfad::state_dict& file) {
    std::map<std::string, std::string> wanted = {
        {"method", a.method},
        {"size", std::to_string(a.input.run.size)},
        {"rotate", std::string(pfad::data::name_of(a.input.run.rotate))},
        {"training_pictures", std::to_string(a.input.good.size())},
        {"kept_out_hash", kept_out_hash(a)},
        {"teacher", teacher_note(a)}};
    for (const auto& o : a.work->options())
        wanted[std::string(o.name)] = pfad::value_text(o);
    for (const auto& [name, here] : wanted) {
        const auto found = file.metadata.find(name);
        const std::string there = found == file.metadata.end() ? "absent" : found->second;
        if (there != here)
            pfad::fail(pfad::errc::value, file.path + ": is of another training: `" + name +
                                              "` was `" + there + "` and is now `" + here + "`");
    }
}

/// A training for each of several seeds, tested on the category. What is finished in OUT stays.
int train_runs(arguments& a, const std::string& command) {
    const auto items = pfad::data::list_test_items(a.data);
    pfad::host_memory memory{std::make_shared<pfad::pool>()};
    for (const auto& item : items) // now rather than after the first training
        static_cast<void>(
            pfad::load_test_sample(memory, item, a.input.run.size, a.input.run.reading));
    const std::string folder = a.out;
    const std::uint64_t first = a.input.run.seed;
    const bool resume = a.input.resume;
    const auto turn_to = [&](int i) {
        a.input.run.seed = first + static_cast<std::uint64_t>(i);
        a.out = folder + "/seed-" + std::to_string(a.input.run.seed);
        const bool finished = std::filesystem::exists(a.out + "/model.safetensors");
        a.input.resume = resume && std::filesystem::exists(a.out + "/checkpoint.safetensors");
        return resume && finished && !a.input.resume;
    };
    for (int i = 0; i < a.runs; ++i)
        if (turn_to(i))
            expect_same_run(a, pfad::load_safetensors(a.out + "/model.safetensors"));
        else {
            expect_no_checkpoint(a);
            expect_no_model(a);
        }
    program::run_table table;
    for (int i = 0; i < a.runs; ++i) {
        if (!turn_to(i))
            if (const int status = train_once(a, command))
                return status;
        const auto trained = a.work->load(pfad::load_safetensors(a.out + "/model.safetensors"));
        const auto found = a.work->evaluate(trained.size, items, [](int, int) {});
        program::print_line(table.add(a.input.run.seed, found, trained.threshold));
    }
    program::print_line(table.summary());
    return 0;
}

int train(arguments& a, const std::string& command) {
    if (!a.start && a.teacher.empty())
        pfad::fail(pfad::errc::value, "--teacher is required, or --from, whose model has one");
    if (a.runs > 1 && a.start)
        pfad::fail(pfad::errc::value, "--runs: they begin anew, and --from goes on with a model");
    if (a.start && a.start->metadata.contains("kept_out_hash"))
        a.kept_out_before = a.start->metadata.at("kept_out_hash");
    auto& run = a.input.run;
    run.rotate = rotation_of(a);
    run.reading = a.work->reading;
    run.check();
    if (a.runs == 1)
        expect_no_checkpoint(a);
    pfad::data::passed_over others;
    auto pictures = pfad::data::list_training_pictures(a.data, &others);
    const std::size_t all = pictures.size();
    a.good = pfad::data::keep_out(std::move(pictures), a.keep_out);
    a.input.good = a.good.training;
    program::note_passed_over(others);
    if (a.false_alarms >= 0 && a.good.kept_out.empty())
        pfad::fail(pfad::errc::value,
                   "--false-alarms: at least " + std::to_string(pfad::data::fewest_kept_out) +
                       " pictures must be kept out, and of " + std::to_string(all) +
                       " --keep-out " + std::to_string(a.keep_out) + " does not");
    if (a.work->needs_textures)
        a.input.textures = pfad::data::list_textures(a.textures);
    if (!a.start)
        a.work->check(run.size);
    const program::stop_signals signals;
    return a.runs > 1 ? train_runs(a, command) : train_once(a, command);
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_train", [&] {
        arguments a;
        program::read_method(argc, argv, a);
        CLI::App app{"Trains a detector on the good pictures of a category (CATEGORY/train/good)."};
        program::add_train_options(app, a);
        return program::parse_and_run(app, argc, argv, [&] {
            a.work->reading = a.reading.values;
            for (const auto* const option : app.get_options())
                if (option->count() > 0)
                    a.given.insert(option->get_name());
            return train(a, program::command_line(argc, argv));
        });
    });
}
