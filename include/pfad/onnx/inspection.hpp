// A model as one ONNX file that inspects pictures by itself.
#pragma once

#include <pfad/detect/detector_file.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/io/file.hpp>
#include <pfad/onnx/ops.hpp>

#include <cstdint>
#include <string>

namespace pfad {

/// The whole inspection, from pixels to scores, for batches of any size:
///   pixels  uint8 (batch, size, size, 3), red, green, blue
///   map     float (batch, size, size): of PFADSeg the probability of a defect
///   score   float (batch): of PFADSeg the mean of the map's 100 highest pixels
/// The metadata is that of the model file. Throws errc::value where ONNX's checker refuses it.
template <template <class, class> class D>
[[nodiscard]] ::onnx::ModelProto to_onnx(D<float, host>& model, const model_description& d) {
    onnx::context ctx;
    ctx.hold(model);
    tape<onnx::context> t(ctx, mode::eval);
    const std::int64_t size = d.size;
    const auto pixels = ctx.input<std::uint8_t>("pixels", shape<4>{{1, size, size, 3}});
    const auto found = find_defects<D, float, host>(t, model, pixels);
    ctx.output("map", found.maps, shape<3>{{1, size, size}});
    ctx.output("score", found.scores, shape<1>{{1}});
    for (const auto& [key, value] : to_metadata(d, model.options.list()))
        ctx.graph.note(key, value);
    return ctx.graph.finish(d.method);
}

/// to_onnx in a file, whole or not at all. Throws errc::io where it cannot be written.
template <template <class, class> class D>
void save_onnx(const std::string& path, D<float, host>& model, const model_description& d) {
    std::string bytes;
    if (!to_onnx<D>(model, d).SerializeToString(&bytes))
        fail(errc::unsupported, path + ": ONNX keeps no more than 2 GB in a file");
    write_atomically(path, bytes);
}

} // namespace pfad
