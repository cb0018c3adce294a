// Inspects pictures with ONNX Runtime and a file of pfad_export: score, threshold and verdict of
// each. Exit status 0: no defect; 1: a defect in one of them; 2: an error.
//   onnx_inspect MODEL.onnx PICTURE [--out HEAT_MAP.png] PICTURE [--out HEAT_MAP.png] ..
// Of pfad it has what reads, resizes and draws pictures, headers that need libpng, libjpeg and stb: resized in
// another way a picture has another score.
#include <pfad/data/resample.hpp>
#include <pfad/report/heat_map.hpp>

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

namespace {

/// The number that the file of the model says of itself under this key.
double metadata(
    const Ort::Session& model, const std::string& file, const char* key, double low, double high) {
    Ort::AllocatorWithDefaultOptions memory;
    const auto text = model.GetModelMetadata().LookupCustomMetadataMapAllocated(key, memory);
    char* end = nullptr;
    const double value = text ? std::strtod(text.get(), &end) : low - 1;
    if (!(value >= low && value <= high) || end == text.get() || *end != 0)
        pfad::fail(pfad::errc::io, file + ": is not of pfad_export, it does not say its " + key);
    return value;
}

int inspect(int count, char** arguments) {
    if (count < 3)
        pfad::fail(pfad::errc::value, "give a model and pictures");
    const std::string file = arguments[1];
    const Ort::Env environment(ORT_LOGGING_LEVEL_FATAL); // what is wrong is thrown, too
    Ort::Session model(environment, file.c_str(), {});
    const int size = static_cast<int>(metadata(model, file, "size", 32, 4096));
    const double threshold = metadata(model, file, "threshold", 0, 1);
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    int status = 0;
    for (int i = 2; i < count; ++i) {
        const auto picture = pfad::read_picture(arguments[i]);
        const auto small = pfad::data::resize(picture, {size, size});
        auto pixels = pfad::report::to_rgb(small).pixels; // grey is RGB, too
        const std::int64_t dims[] = {1, size, size, 3};
        const auto input =
            Ort::Value::CreateTensor<std::uint8_t>(memory, pixels.data(), pixels.size(), dims, 4);
        const char *const in[] = {"pixels"}, *const out[] = {"score", "map"};
        const auto found = model.Run({}, in, &input, 1, out, 2);
        const double score = *found[0].GetTensorData<float>();
        const bool defect = score >= threshold;
        std::printf("%s  score %.4f  threshold %.4f  %s\n", arguments[i], score, threshold,
                    defect ? "DEFECT" : "good");
        if (i + 2 < count && std::string(arguments[i + 1]) == "--out") {
            i += 2;
            std::error_code absent;
            for (int k = 1; k < count; ++k)
                if (k != i && std::filesystem::equivalent(arguments[k], arguments[i], absent))
                    pfad::fail(pfad::errc::value, std::string(arguments[i]) + ": is to be read");
            const pfad::view<const float, 2> map{found[1].GetTensorData<float>(), {{size, size}}};
            pfad::write_png(arguments[i], pfad::report::render_inspection(picture, map, threshold));
        }
        status = defect ? 1 : status;
    }
    return status;
}

} // namespace

int main(int count, char** arguments) try {
    return inspect(count, arguments);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "onnx_inspect: %s\n", problem.what());
    return 2;
}
