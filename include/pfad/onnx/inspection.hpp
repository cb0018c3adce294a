// A model as one ONNX file that inspects pictures by itself.
#pragma once

#include <pfad/io/file.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/onnx/ops.hpp>

#include <cstdint>
#include <string>

namespace pfad {

/// The whole inspection, from pixels to scores, for batches of any size:
///   pixels  uint8 (batch, size, size, 3), red, green, blue
///   map     float (batch, size, size): the probability of a defect
///   score   float (batch): the mean of the map's 100 highest pixels
/// The metadata is that of the model file. Throws errc::value where ONNX's checker refuses it.
[[nodiscard]] inline ::onnx::ModelProto to_onnx(pfadseg<float>& model, const model_description& d) {
    onnx::context ctx;
    ctx.hold(model);
    tape<onnx::context> t(ctx, mode::eval);
    const std::int64_t size = d.size;
    const auto pixels = ctx.input<std::uint8_t>("pixels", shape<4>{{1, size, size, 3}});
    const auto small = model(t, constant(normalise_image<float>(ctx, pixels)));
    const auto map = resize_bilinear(t, small, size, size).value;
    const auto score = top_k_mean(ctx, map);
    ctx.output("map", map, shape<3>{{1, size, size}});
    ctx.output("score", score, shape<1>{{1}});
    for (const auto& [key, value] : to_metadata(d))
        ctx.graph.note(key, value);
    return ctx.graph.finish("pfadseg");
}

/// to_onnx in a file, whole or not at all. Throws errc::io where it cannot be written.
inline void save_onnx(const std::string& path, pfadseg<float>& model, const model_description& d) {
    std::string bytes;
    if (!to_onnx(model, d).SerializeToString(&bytes))
        fail(errc::unsupported, path + ": ONNX keeps no more than 2 GB in a file");
    write_atomically(path,
                     byte_span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

} // namespace pfad
