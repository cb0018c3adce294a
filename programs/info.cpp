// pfad_info: what a model file says of itself.
#include "support/program.hpp"

#include <pfad/detect/detector_file.hpp>
#include <pfad/detectors/all.hpp>
#include <pfad/io/base64.hpp>
#include <pfad/io/image.hpp>
#include <pfad/metrics/list.hpp>

#include <cctype>

namespace {

struct arguments {
    std::string model, preview;
    bool json = false;
};

const char* const advice = "pfad_evaluate --record adds metrics and a preview";

/// What a model file says.
struct model_facts {
    pfad::model_description description;
    nlohmann::json options; ///< by name, as values
};

model_facts read_facts(const pfad::state_dict& file) {
    model_facts facts;
    const auto method = pfad::method_of(file);
    pfad::with_detector(method, [&]<template <class, class> class D>(pfad::detector_type<D>) {
        facts.description = pfad::describe_model<D>(file);
        auto options = pfad::read_options<D>(file);
        for (const auto& o : options.list())
            if (o.kind == pfad::option_kind::network || file.metadata.contains(o.name))
                std::visit(
                    [&]<class V>(const V& value) {
                        auto& to = facts.options[std::string(o.name)];
                        if constexpr (std::is_same_v<V, pfad::choice>)
                            to = value.name();
                        else
                            to = *value;
                    },
                    o.value);
    });
    facts.description.notes["method"] = method; // files from before there were several have none
    return facts;
}

/// The metadata under the names that they have in the file, options, threshold and metrics as values.
nlohmann::json to_json(const model_facts& facts) {
    const auto& d = facts.description;
    nlohmann::json j;
    for (const auto& [key, text] : d.notes)
        j[key] = text;
    j.update(facts.options);
    j["size"] = d.size;
    j["threshold"] = d.threshold;
    if (d.unsure_threshold != 0)
        j["unsure_threshold"] = d.unsure_threshold;
    for (const auto& m : pfad::metrics::list)
        if (const auto found = d.notes.find(m.key); found != d.notes.end())
            j[m.key] = pfad::number_of(found->second); // null where it is undefined, a NaN
    j["preview"] = d.notes.contains("preview");
    return j;
}

void print(const pfad::model_description& d) {
    for (auto [key, text] : d.notes) {
        if (key == "preview")
            text = "a picture; --preview FILE writes it";
        // A command may have been given a line break.
        for (char& c : text)
            if (std::iscntrl(static_cast<unsigned char>(c)))
                c = ' ';
        std::string line = key;
        line.resize(std::max<std::size_t>(line.size() + 1, 20), ' ');
        program::print_line(line + text);
    }
    if (!d.notes.contains("evaluation_command"))
        program::print_line(std::string("No evaluation is recorded in it; ") + advice + ".");
}

void write_preview(const arguments& a, const pfad::model_description& d) {
    const auto found = d.notes.find("preview");
    if (found == d.notes.end())
        pfad::fail(pfad::errc::io, a.model + ": has no preview; " + advice);
    const auto png = pfad::from_base64(found->second);
    if (!png)
        pfad::fail(pfad::errc::io, a.model + ": its preview is damaged");
    static_cast<void>(pfad::decode_picture(*png, a.model + ": its preview"));
    program::files_apart files;
    files.reads(a.model);
    files.writes(a.preview);
    pfad::write_atomically(a.preview, pfad::byte_span(*png));
}

int info(const arguments& a) {
    const auto facts = read_facts(pfad::load_safetensors(a.model));
    if (!a.preview.empty())
        write_preview(a, facts.description);
    if (a.json)
        program::print_line(program::to_text(to_json(facts), 2));
    else
        print(facts.description);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_info", [&] {
        arguments a;
        CLI::App app{"Shows a model's method, options, its threshold, how it was trained, and the "
                     "metrics that pfad_evaluate --record left in it."};
        app.add_option("model", a.model, "model.safetensors of pfad_train")->required();
        app.add_flag("--json", a.json, "as JSON");
        app.add_option("--preview", a.preview, "write the recorded preview to this file, a PNG");
        return program::parse_and_run(app, argc, argv, [&] { return info(a); });
    });
}
