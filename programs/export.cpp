// pfad_export: a trained model as an ONNX file that inspects pictures by itself; DeSTSeg's checkpoints as
// models of pfad.
#include "support/program.hpp"

#include <pfad/core/host_memory.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/detectors/all.hpp>
#include <pfad/detectors/destseg.hpp>

#include <memory>
#include <string>

namespace pfad {

/// Compiled in a unit for each detector.
template <template <class, class> class D>
void save_onnx(const std::string& path, D<float, host>& model, const model_description& d);

} // namespace pfad

namespace {

struct arguments {
    std::string model, destseg, onnx, pfad;
    std::string command; ///< the whole of it
};

template <template <class, class> class D>
void write(const arguments& a,
           D<float, pfad::host>& network,
           const pfad::model_description& description) {
    if (a.onnx.empty())
        pfad::save_model<D>(a.pfad, network, description);
    else
        pfad::save_onnx<D>(a.onnx, network, description);
}

int run(const arguments& a) {
    if (a.model.empty() == a.destseg.empty())
        pfad::fail(pfad::errc::value, "the network is given by --model or by --import-destseg; "
                                      "give one of the two");
    if (a.onnx.empty() == a.pfad.empty())
        pfad::fail(pfad::errc::value, "the file to write is given by --onnx or by --pfad; give one "
                                      "of the two");
    program::files_apart files;
    files.reads(a.model + a.destseg);
    files.writes(a.onnx + a.pfad);
    pfad::host_memory memory(std::make_shared<pfad::pool>());
    if (!a.destseg.empty()) {
        const pfad::model_description description{"destseg", 256, 0.5, {{"command", a.command}}};
        const auto options = pfad::options_of<pfad::pfadseg>(description.method, a.destseg);
        pfad::pfadseg<float> network(memory, options);
        pfad::load_destseg(network, a.destseg);
        write<pfad::pfadseg>(a, network, description);
        return 0;
    }
    const auto file = pfad::load_safetensors(a.model);
    pfad::with_detector(pfad::method_of(file),
                        [&]<template <class, class> class D>(pfad::detector_type<D>) {
                            auto model = pfad::load_model<D>(memory, file);
                            write<D>(a, model.network, model.description);
                        });
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_export", [&] {
        arguments a;
        CLI::App app{
            "Writes a model as ONNX, pixels in, anomaly map and image score out, or as pfad's."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train");
        app.add_option(
            "--import-destseg", a.destseg,
            "or: checkpoint of DeSTSeg, for pictures of 256x256; its threshold becomes 0.5, "
            "pfad_threshold finds one");
        app.add_option("--onnx", a.onnx, "ONNX file to write");
        app.add_option("--pfad", a.pfad, "or: model of pfad to write");
        a.command = program::command_line(argc, argv);
        return program::parse_and_run(app, argc, argv, [&] { return run(a); });
    });
}
