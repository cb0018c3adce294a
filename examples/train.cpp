// pfad_train: trains PFADSeg on the good pictures of a category.
#include "device/options.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/data/textures.hpp>
#include <pfad/models/model_file.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace {

struct arguments {
    std::string data, textures, teacher, from, out;
    pfad::train::training_options training;
    program::device_options device;
    bool resume = false;
    std::string rotate = "auto";
    std::set<std::string> given; // options that were
};

int read_arguments(int argc, char** argv, arguments& a) {
    CLI::App app{"Trains PFADSeg on the good pictures of a category (CATEGORY/train/good)."};
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    const std::map<std::string, bool> switches = {{"on", true}, {"off", false}};
    auto& t = a.training;
    app.add_option("--data", a.data, "folder of the category, in the MVTec AD layout")->required();
    app.add_option("--textures", a.textures, "folder of pictures to paint anomalies with")
        ->required();
    app.add_option(
        "--teacher", a.teacher,
        "ImageNet ResNet18: torchvision's resnet18-*.pth, or safetensors with its names; "
        "\"random\" for a random one");
    app.add_option("--from", a.from,
                   "a model to go on from: its weights, teacher, switches and size");
    app.add_option("--out", a.out, "folder for model.safetensors and log.jsonl")->required();
    app.add_option("--size", t.size, "pictures are resized to SIZE x SIZE")->capture_default_str();
    app.add_option("--batch", t.batch, "pictures an iteration")->capture_default_str();
    app.add_option("--student-iterations", t.student_iterations, "stage one")
        ->capture_default_str();
    app.add_option("--segmentation-iterations", t.segmentation_iterations, "stage two")
        ->capture_default_str();
    app.add_option("--rcm", t.model.rcm, "RCM (off: ASPP)")
        ->transform(CLI::CheckedTransformer(switches));
    app.add_option("--aff", t.model.aff, "AFF (off: addition)")
        ->transform(CLI::CheckedTransformer(switches));
    app.add_option("--pcar", t.model.pcar, "PCAR (off: one 3x3 convolution)")
        ->transform(CLI::CheckedTransformer(switches));
    app.add_option("--layer-scale", t.model.rcm_detail.layer_scale, "start of RCM's layer scale")
        ->capture_default_str();
    app.add_option(
           "--rotate", a.rotate,
           "turn training pictures: none, slight, full, or auto (by the name of an MVTec AD "
           "category, else none)")
        ->check(CLI::IsMember({"none", "slight", "full", "auto"}))
        ->capture_default_str();
    app.add_option("--seed", t.seed, "of weights and samples")->capture_default_str();
    a.device.add_to(app);
    app.add_option("--checkpoint-every", t.checkpoint_every, "iterations; 0: never")
        ->capture_default_str();
    app.add_flag("--resume", a.resume, "continue the run in OUT from its checkpoint");
    const int status = program::parse("pfad_train", app, argc, argv);
    for (const auto* const option : app.get_options())
        if (option->count() > 0)
            a.given.insert(option->get_name());
    return status;
}

/// The model of --from, if any, whose switches, size and name of the teacher become the run's. Throws
/// errc::value for an option that says otherwise.
std::optional<pfad::state_dict> start_of(arguments& a) {
    if (a.from.empty() && a.teacher.empty())
        pfad::fail(pfad::errc::value, "--teacher is required, or --from, whose model has one");
    if (a.from.empty())
        return {};
    auto file = pfad::load_safetensors(a.from);
    const auto found = pfad::describe_model(file);
    auto& t = a.training;
    const auto agree = [&](const char* option, bool same) {
        if (a.given.contains(option) && !same)
            pfad::fail(pfad::errc::value, std::string(option) + ": " + a.from +
                                              " has its own, which --from goes on with");
    };
    agree("--teacher", false);
    agree("--layer-scale", false);
    agree("--size", t.size == found.size);
    agree("--rcm", t.model.rcm == found.options.rcm);
    agree("--aff", t.model.aff == found.options.aff);
    agree("--pcar", t.model.pcar == found.options.pcar);
    t.size = found.size;
    t.model = found.options;
    const auto note = found.notes.find("teacher");
    a.teacher = note != found.notes.end() ? note->second : a.from;
    std::uint64_t hash = 0; // of the weights alone: what the file says beside them may change
    for (const auto& [name, entry] : file.tensors)
        hash = 31 * hash + pfad::hash_name({reinterpret_cast<const char*>(entry.bytes.data()),
                                            entry.bytes.size()});
    t.start = std::to_string(hash);
    return file;
}

pfad::data::rotation rotation_of(const arguments& a) {
    using pfad::data::rotation;
    if (a.rotate == "slight")
        return rotation::slight;
    if (a.rotate == "full")
        return rotation::full;
    if (a.rotate == "none")
        return rotation::none;
    auto folder = std::filesystem::path(a.data);
    if (!folder.has_filename())
        folder = folder.parent_path();
    return pfad::data::mvtec_rotation(folder.filename().string()).value_or(rotation::none);
}

nlohmann::json log_line(const pfad::train::training_step& step) {
    if (step.stage == 1)
        return {{"stage", 1},
                {"iteration", step.iteration},
                {"cosine", step.cosine},
                {"seconds", step.seconds}};
    return {{"stage", 2},
            {"iteration", step.iteration},
            {"focal", step.focal},
            {"l1", step.l1},
            {"seconds", step.seconds}};
}

std::string losses(const pfad::train::training_step& step) {
    char text[96];
    if (step.stage == 1)
        std::snprintf(text, sizeof text, "student: cosine %.4f", step.cosine);
    else
        std::snprintf(text, sizeof text, "segmentation: focal %.5f, L1 %.4f", step.focal, step.l1);
    return text;
}

int train(arguments& a, const std::string& command) {
    auto& options = a.training;
    auto start = start_of(a);
    program::keep_apart(a.out + "/model.safetensors", a.from);
    options.rotate = rotation_of(a);
    options.check();
    std::string const checkpoint = a.out + "/checkpoint.safetensors";
    if (!a.resume && std::filesystem::exists(checkpoint))
        pfad::fail(pfad::errc::io, checkpoint + ": is of a run that was stopped; go on with "
                                                "--resume, or remove it to begin again");
    const auto pictures = pfad::data::list_training_pictures(a.data);
    const auto textures = pfad::data::list_textures(a.textures);
    const auto device = program::make_device(a.device);
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    pfad::pfadseg<float> model(memory, options.model);
    if (start) {
        pfad::from_state_dict(model, *start);
        start.reset();
    } else {
        model.initialise(options.seed);
        if (a.teacher == "random")
            program::make_random_teacher(model.teacher, options.size, options.seed, pictures,
                                         a.device.threads);
        else
            pfad::load_teacher(model.teacher, a.teacher);
    }

    std::error_code problem;
    std::filesystem::create_directories(a.out, problem);
    if (problem)
        pfad::fail(pfad::errc::io, a.out + ": the folder cannot be made: " + problem.message());
    std::optional<program::run_log> log; // made once every picture has been opened
    program::progress progress(options.iterations());
    int first = 0;
    device->train(
        model, options, pictures, textures, checkpoint, a.resume,
        [&](int iteration) {
            first = iteration;
            std::printf("%zu good pictures, %zu textures, %dx%d, batch %d, %lld parameters to "
                        "train\n",
                        pictures.size(), textures.size(), options.size, options.size, options.batch,
                        static_cast<long long>(pfad::parameter_count(model.student) +
                                               pfad::parameter_count(model.segmentation)));
        },
        [&](const pfad::train::training_step& step) {
            if (!log)
                log.emplace(a.out + "/log.jsonl", first);
            log->add(log_line(step), step.saved);
            progress.show(step.iteration + 1, options.batch, losses(step));
        });

    pfad::model_description description{options.model, options.size, 0.5, {}};
    description.threshold = device->calibrate_threshold(model, options.size, pictures);
    description.notes["command"] = command;
    description.notes["teacher"] =
        a.teacher == "random" ? "random" : std::filesystem::path(a.teacher).filename().string();
    description.notes["seed"] = std::to_string(options.seed);
    description.notes["training_pictures"] = std::to_string(pictures.size());
    description.notes["training_seconds"] = std::to_string(progress.seconds());
    pfad::save_model(a.out + "/model.safetensors", model, description);
    std::filesystem::remove(checkpoint, problem);
    std::printf(
        "%s/model.safetensors written after %.0f s; threshold %.4f from %zu good pictures\n",
        a.out.c_str(), progress.seconds(), description.threshold, pictures.size());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    if (const int status = read_arguments(argc, argv, a); status >= 0)
        return status;
    return program::run("pfad_train", [&] { return train(a, program::command_line(argc, argv)); });
}
