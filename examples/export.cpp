// pfad_export: a trained model as an ONNX file that inspects pictures by itself; DeSTSeg's checkpoints as
// models of pfad.
#include "program.hpp"

#include <pfad/models/destseg.hpp>
#include <pfad/onnx/inspection.hpp>
#include <pfad/pfadseg.hpp>

#include <memory>
#include <string>

namespace {

struct arguments {
    std::string model, destseg, onnx, pfad;
    std::string command; ///< the whole of it
};

int run(const arguments& a) {
    if (a.model.empty() == a.destseg.empty())
        pfad::fail(pfad::errc::value, "the network is given by --model or by --import-destseg; "
                                      "give one of the two");
    if (a.onnx.empty() == a.pfad.empty())
        pfad::fail(pfad::errc::value, "the file to write is given by --onnx or by --pfad; give one "
                                      "of the two");
    program::keep_apart(a.onnx + a.pfad, a.model + a.destseg);
    pfad::state_dict file;
    pfad::model_description description{{.rcm = false, .aff = false, .pcar = false}, 256, 0.5, {}};
    if (a.destseg.empty())
        description = pfad::describe_model(file = pfad::load_safetensors(a.model));
    else
        description.notes["command"] = a.command;
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    pfad::pfadseg<float> network(memory, description.options);
    if (a.destseg.empty())
        pfad::from_state_dict(network, file);
    else
        pfad::load_destseg(network, a.destseg);
    if (a.onnx.empty())
        pfad::save_model(a.pfad, network, description);
    else
        pfad::save_onnx(a.onnx, network, description);
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
    app.add_option("--onnx", a.onnx, "ONNX file to write");
    app.add_option("--pfad", a.pfad, "or: model of pfad to write");
    if (const int status = program::parse("pfad_export", app, argc, argv); status >= 0)
        return status;
    a.command = program::command_line(argc, argv);
    return program::run("pfad_export", [&] { return run(a); });
}
