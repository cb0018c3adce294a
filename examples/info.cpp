// pfad_info: what a model file says of itself.
#include "program.hpp"

#include <pfad/models/model_file.hpp>

#include <cctype>

namespace {

struct arguments {
    std::string model;
    bool json = false;
};

/// The metadata under the names that they have in the file, options and threshold as values.
nlohmann::json to_json(const pfad::model_description& d) {
    nlohmann::json j;
    for (const auto& [key, text] : d.notes)
        j[key] = text;
    j["rcm"] = d.options.rcm;
    j["aff"] = d.options.aff;
    j["pcar"] = d.options.pcar;
    j["plain_decoder"] = d.options.plain_decoder;
    j["rcm_band"] = d.options.rcm_detail.band;
    j["rcm_mlp_ratio"] = d.options.rcm_detail.mlp_ratio;
    j["size"] = d.size;
    j["threshold"] = d.threshold;
    return j;
}

int info(const arguments& a) {
    const auto description = pfad::describe_model(pfad::load_safetensors(a.model));
    if (a.json) {
        program::print_line(program::to_text(to_json(description), 2));
        return 0;
    }
    for (auto [key, text] : description.notes) {
        // A command may have been given a line break.
        for (char& c : text)
            if (std::iscntrl(static_cast<unsigned char>(c)))
                c = ' ';
        std::string line = key;
        line.resize(std::max<std::size_t>(line.size() + 1, 18), ' ');
        program::print_line(line + text);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Shows a model's options, its threshold and how it was trained."};
    app.add_option("model", a.model, "model.safetensors of pfad_train")->required();
    app.add_flag("--json", a.json, "as JSON");
    if (const int status = program::parse("pfad_info", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_info", [&] { return info(a); });
}
