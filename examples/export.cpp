// pfad_export: a trained model as an ONNX file that inspects pictures by itself; DeSTSeg's checkpoints as
// models of pfad.
#include "program.hpp"

#include <pfad/models/destseg.hpp>
#include <pfad/onnx/inspection.hpp>
#include <pfad/pfadseg.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace {

struct arguments {
    std::string model, destseg, onnx, pfad;
    std::string command; ///< the whole of it
};

void export_network(const arguments& a,
                    pfad::pfadseg<float>& network,
                    const pfad::model_description& description) {
    if (!a.onnx.empty())
        pfad::save_onnx(a.onnx, network, description);
    if (!a.pfad.empty())
        pfad::save_model(a.pfad, network, description);
}

int run(const arguments& a) {
    if (a.model.empty() == a.destseg.empty())
        pfad::fail(pfad::errc::value, "the network is given by --model or by --import-destseg; "
                                      "give one of the two");
    if (a.onnx.empty() && a.pfad.empty())
        pfad::fail(pfad::errc::value,
                   "--onnx and --pfad name no file; give at least one of the two");
    const auto place = [](const std::string& file) {
        return std::filesystem::absolute(file).lexically_normal();
    };
    if (!a.onnx.empty() && !a.pfad.empty() && place(a.onnx) == place(a.pfad))
        pfad::fail(pfad::errc::value, "--onnx and --pfad name one file; give two");
    const auto& source = a.model.empty() ? a.destseg : a.model;
    program::keep_apart(a.onnx, source);
    program::keep_apart(a.pfad, source);
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    pfad::model_description description;
    if (a.model.empty()) {
        description.options = {.rcm = false, .aff = false, .pcar = false};
        description.notes["command"] = a.command;
        pfad::pfadseg<float> network(memory, description.options);
        pfad::load_destseg(network, a.destseg);
        export_network(a, network, description);
    } else {
        const auto file = pfad::load_safetensors(a.model);
        description = pfad::describe_model(file);
        pfad::pfadseg<float> network(memory, description.options);
        pfad::from_state_dict(network, file);
        export_network(a, network, description);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{
        "Writes a model as ONNX, pixels in, anomaly map and image score out, or as pfad's."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train");
    app.add_option("--import-destseg", a.destseg,
                   "or: checkpoint of DeSTSeg, for pictures of 256x256; its threshold becomes 0.5, "
                   "pfad_threshold finds one");
    auto* const files = app.add_option_group("files", "at least one of these");
    files->add_option("--onnx", a.onnx, "ONNX file to write");
    files->add_option("--pfad", a.pfad, "model of pfad to write");
    files->require_option(1, 2);
    if (const int status = program::parse("pfad_export", app, argc, argv); status >= 0)
        return status;
    a.command = program::command_line(argc, argv);
    return program::run("pfad_export", [&] { return run(a); });
}
