// pfad_adapt: a model for a new place, from some good pictures of it.
#include "session/options.hpp"

#include <pfad/data/files.hpp>
#include <pfad/data/textures.hpp>
#include <pfad/metrics/list.hpp>

#include <string>
#include <vector>

namespace {

struct arguments {
    std::string model, good, textures, out;
    std::uint64_t seed = 0;
    pfad::train::adapt_options how;
    program::reading_options reading;
    program::device_options device;
};

pfad::data::rotation rotation_of(const pfad::model_description& d) {
    using pfad::data::rotation;
    const auto note = d.notes.find("rotate");
    for (const auto kind : {rotation::slight, rotation::full})
        if (note != d.notes.end() && note->second == pfad::data::name_of(kind))
            return kind;
    return rotation::none;
}

int adapt(const arguments& a, const std::string& command) {
    auto file = pfad::load_safetensors(a.model);
    const auto work = program::make_session(a.device, pfad::method_of(file), a.reading);
    auto description = work->load(file);
    program::training_input input;
    pfad::data::passed_over others;
    input.good = pfad::data::list_pictures(a.good, &others);
    if (work->needs_textures) {
        if (a.textures.empty())
            pfad::fail(pfad::errc::value,
                       "--textures is required: " + work->title + " is trained with them");
        input.textures = pfad::data::list_textures(a.textures);
    }
    program::note_passed_over(others);
    program::files_apart files;
    files.reads(a.model);
    files.reads_all(input.good);
    files.reads_all(input.textures);
    files.writes(a.out);
    input.run.size = description.size;
    input.run.seed = a.seed;
    input.run.rotate = rotation_of(description);
    input.run.reading = work->reading;
    const int stages = static_cast<int>(work->stages().size());
    program::progress progress(stages * a.how.statistics + a.how.iterations);
    int done = 0;
    work->adapt(input, a.how, [&](const pfad::train::training_step&) {
        progress.show(++done, 1, "adapting");
        return true;
    });
    const auto scores = work->image_scores(description.size, input.good);
    const double before = description.threshold;
    description.threshold = pfad::threshold_of_good(scores, work->scores);
    description.unsure_threshold = 0; // it goes with the threshold before
    description.bits = work->reading.bits;
    for (const char* const of_before :
         {"preview", "false_alarms", "kept_out_pictures", "kept_out_hash", "gauge",
          "threshold_command", "evaluation_command", "evaluation_pictures"})
        description.notes.erase(of_before);
    for (const auto& m : pfad::metrics::list)
        description.notes.erase(m.key);
    description.notes["adapt_command"] = command;
    description.notes["adapt_pictures"] = std::to_string(input.good.size());
    work->save(a.out, description);
    std::printf("threshold %s from %zu good pictures, before %s\n",
                program::score_text(description.threshold, work->scores).c_str(), scores.size(),
                program::score_text(before, work->scores).c_str());
    program::print_line(a.out + " written after " +
                        std::to_string(static_cast<int>(progress.seconds() + 0.5)) + " s");
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_adapt", [&] {
        arguments a;
        CLI::App app{"Writes a model for a new place, camera or batch of material, from some good "
                     "pictures of it."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train; stays as it is")
            ->required();
        app.add_option("--good", a.good, "folder of good pictures of the new place")->required();
        app.add_option("--textures", a.textures, "folder of pictures to paint anomalies with");
        app.add_option("--out", a.out, "the new model file")->required();
        app.add_option("--statistics", a.how.statistics,
                       "batches of each stage from which batch norm takes its statistics; 0: they "
                       "stay")
            ->check(CLI::Range(0, 100000))
            ->capture_default_str();
        app.add_option("--iterations", a.how.iterations, "of the last stage of training besides")
            ->check(CLI::Range(0, 1000000))
            ->capture_default_str();
        app.add_option("--seed", a.seed, "of samples")->capture_default_str();
        a.reading.add_to(app);
        a.device.add_to(app);
        return program::parse_and_run(app, argc, argv,
                                      [&] { return adapt(a, program::command_line(argc, argv)); });
    });
}
