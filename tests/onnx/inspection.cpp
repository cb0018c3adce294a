#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <pfad/detectors/pfadseg.hpp>
#include <pfad/onnx/inspection.hpp>

#include <filesystem>
#include <map>
#include <string>

using namespace pfad;

TEST_CASE("onnx: an inspection has pixels, map, score, and what the model file says", "[onnx]") {
    const temporary_folder folder;
    const auto path = (folder.path() / "m.onnx").string();
    cpu::context ctx(1);
    model_description d{"pfadseg", 33, 0.123456789, {}};
    d.notes["command"] = "some \"quoted\" words";
    pfadseg<float> model(ctx, {.rcm = true, .aff = false, .pcar = false});
    model.initialise(1);
    save_onnx(path, model, d);

    ::onnx::ModelProto file;
    const auto content = read_file(path);
    REQUIRE(file.ParseFromArray(content.bytes().data(), static_cast<int>(content.bytes().size())));
    const auto& graph = file.graph();
    REQUIRE(graph.input_size() == 1);
    REQUIRE(graph.output_size() == 2);
    CHECK(graph.input(0).name() == "pixels");
    const auto& pixels = graph.input(0).type().tensor_type();
    CHECK(pixels.elem_type() == ::onnx::TensorProto::UINT8);
    CHECK(pixels.shape().dim(0).dim_param() == "batch");
    CHECK(pixels.shape().dim(1).dim_value() == 33);
    CHECK(pixels.shape().dim(3).dim_value() == 3);
    CHECK(graph.output(0).name() == "map");
    CHECK(graph.output(0).type().tensor_type().shape().dim_size() == 3);
    CHECK(graph.output(1).name() == "score");
    CHECK(graph.output(1).type().tensor_type().shape().dim_size() == 1);

    std::map<std::string, std::string, std::less<>> said;
    for (const auto& entry : file.metadata_props())
        said[entry.key()] = entry.value();
    CHECK(said == to_metadata(d, model.options.list()));

    // Every array of the network is in it, once, under its name.
    std::map<std::string, std::int64_t> sizes;
    for (const auto& array : graph.initializer())
        sizes[array.name()] = static_cast<std::int64_t>(array.raw_data().size());
    CHECK(sizes.size() == static_cast<std::size_t>(graph.initializer_size()));
    for (const auto& array : named_arrays<float>(model))
        CHECK(sizes[array.name] == array.size() * 4);
}

TEST_CASE("onnx: a file that cannot be written is an error and leaves nothing", "[onnx]") {
    const temporary_folder folder;
    cpu::context ctx(1);
    pfadseg<float> model(ctx, {.rcm = true, .aff = false, .pcar = false});
    const auto path = (folder.path() / "nowhere" / "m.onnx").string();
    CHECK_THROWS_AS(save_onnx(path, model, {"pfadseg", 32, 0.5, {}}), error);
    CHECK(std::filesystem::is_empty(folder.path()));
}
