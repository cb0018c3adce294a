// pfad_export: a trained model as an ONNX file that inspects pictures by itself.
#include "program.hpp"

#include <pfad/onnx/inspection.hpp>
#include <pfad/pfadseg.hpp>

#include <memory>
#include <string>

namespace {

struct arguments {
    std::string model, onnx;
};

int export_model(const arguments& a) {
    program::keep_apart(a.onnx, a.model);
    const auto file = pfad::load_safetensors(a.model);
    const auto description = pfad::describe_model(file);
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    pfad::pfadseg<float> model(memory, description.options);
    pfad::from_state_dict(model, file);
    pfad::onnx::save_onnx(a.onnx, model, description);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Writes a model as ONNX: pixels in, anomaly map and image score out."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
    app.add_option("--onnx", a.onnx, "the file to write")->required();
    if (const int status = program::parse("pfad_export", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_export", [&] { return export_model(a); });
}
