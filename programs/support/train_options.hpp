// The command line of pfad_train: which options there are hangs on its method.
#pragma once

#include "session/options.hpp"

#include <pfad/data/keep_out.hpp>
#include <pfad/detectors/all.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

namespace program {

/// What the command line says, and what comes of it.
struct train_arguments {
    std::string method = "pfadseg";
    std::string data, textures, teacher, from, out;
    training_input input;
    pfad::data::good_pictures good;
    std::string kept_out_before; // hash of those of the model of --from
    int keep_out = 8;
    double false_alarms = -1; // not given
    int runs = 1;
    device_options device;
    reading_options reading;
    std::string rotate = "auto";
    std::set<std::string> given;           // options that were
    std::optional<pfad::state_dict> start; // the model of --from
    std::unique_ptr<session> work;         // of the method
};

/// "--student-iterations" of "student_iterations".
inline std::string flag_of(std::string_view name) {
    std::string flag = "--" + std::string(name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

/// What decides which options there are: --method, --from and the device.
inline void read_method(int argc, char** argv, train_arguments& a) {
    CLI::App early;
    early.set_help_flag();
    const auto* const help = early.add_flag("-h,--help");
    early.allow_extras();
    early.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    const auto* const method = early.add_option("--method", a.method);
    early.add_option("--from", a.from);
    a.device.add_to(early);
    expect_plain_values(early);
    early.parse(argc, argv);
    if (!a.from.empty()) {
        a.start = pfad::load_safetensors(a.from);
        const auto found = pfad::method_of(*a.start);
        if (method->count() > 0 && a.method != found)
            pfad::fail(pfad::errc::value, "--method: " + a.from + " has its own, `" + found +
                                              "`, which --from goes on with");
        a.method = found;
    }
    // Help needs no device.
    a.work = make_session(help->count() > 0 ? device_options() : a.device, a.method);
}

inline void add_method_options(CLI::App& app, session& work) {
    for (const auto& o : work.options()) {
        std::string kind = std::holds_alternative<bool*>(o.value)  ? "on|off"
                           : std::holds_alternative<int*>(o.value) ? "INT"
                                                                   : "FLOAT";
        if (const auto* const choice = std::get_if<pfad::choice>(&o.value)) {
            kind.clear();
            for (const auto& name : choice->names())
                kind += (kind.empty() ? "" : "|") + std::string(name);
        }
        app.add_option_function<std::string>(
               flag_of(o.name),
               [o](const std::string& text) {
                   if (!pfad::set_value(o, text))
                       throw CLI::ValidationError(
                           flag_of(o.name), text + " is no value of it: " + pfad::range_text(o));
               },
               std::string(o.meaning))
            ->type_name(kind)
            ->default_str(pfad::value_text(o))
            ->group("Options of " + work.title);
    }
}

inline void add_train_options(CLI::App& app, train_arguments& a) {
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    auto& run = a.input.run;
    app.add_option("--method", a.method, pfad::method_names() + "; each has options of its own")
        ->capture_default_str();
    app.add_option("--data", a.data, "folder of the category, in the MVTec AD layout")->required();
    auto* const textures =
        app.add_option("--textures", a.textures, "folder of pictures to paint anomalies with");
    if (a.work->needs_textures)
        textures->required();
    app.add_option(
        "--teacher", a.teacher,
        "ImageNet ResNet18: torchvision's resnet18-*.pth, or safetensors with its names; "
        "\"random\" for a random one");
    app.add_option("--from", a.from,
                   "a model to go on from: its method, weights, teacher, network and size");
    app.add_option("--out", a.out, "folder for model.safetensors and log.jsonl")->required();
    app.add_option("--size", run.size, "pictures are resized to SIZE x SIZE")
        ->capture_default_str();
    app.add_option(
           "--rotate", a.rotate,
           "turn training pictures: none, slight, full, or auto (by the name of an MVTec AD "
           "category, else none)")
        ->check(CLI::IsMember({"none", "slight", "full", "auto"}))
        ->capture_default_str();
    app.add_option("--keep-out", a.keep_out,
                   "every N-th good picture is kept out of training, for the threshold; 0: none")
        ->check([](const std::string& text) {
            const double value = pfad::number_of(text); // what is none is told by CLI11
            return value == 1 || value < 0 ? "it is 0, or 2 and more" : "";
        })
        ->capture_default_str();
    app.add_option("--false-alarms", a.false_alarms,
                   "share of the kept-out pictures that may be called a defect, such as 0.01; "
                   "without it the threshold lies well above their scores")
        ->check(CLI::Range(0.0, 0.999999));
    app.add_option("--runs", a.runs,
                   "train as many times, with SEED, SEED + 1, ..., each into a folder of OUT, test "
                   "each on DATA and print mean, worst and spread")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--seed", run.seed, "of weights and samples")->capture_default_str();
    a.device.add_to(app);
    a.reading.add_to(app);
    app.add_option("--checkpoint-every", run.checkpoint_every, "iterations; 0: never")
        ->capture_default_str();
    app.add_flag("--resume", a.input.resume, "continue the run in OUT from its checkpoint");
    add_method_options(app, *a.work);
}

} // namespace program
