#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/backbones/resnet18.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/detect/detector_file.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

using namespace pfad;

// The real weights, where they are: features of a picture as PyTorch computes them in double.
TEST_CASE("resnet18: ImageNet weights give torchvision's features", "[backbones]") {
    const char* const shared = std::getenv("PFAD_SHARED_DIR");
    const auto folder = std::filesystem::path(shared ? shared : "../shared") / "data" / "teacher";
    if (!std::filesystem::exists(folder / "golden-features.safetensors"))
        return;
    cpu::context ctx(2);
    resnet18<float> teacher(ctx, 3, {false, false});
    from_state_dict(teacher, load_safetensors((folder / "resnet18-imagenet.safetensors").string()));
    const auto golden = load_safetensors((folder / "golden-features.safetensors").string());

    // (1, c, h, w) in the file.
    const auto channels_last = [&](const char* name, const shape<4>& dims) {
        const auto [n, h, w, c] = dims.extent;
        const auto values = golden.at(name, std::vector<std::int64_t>{n, c, h, w}).values<float>();
        const auto result = empty<float>(ctx, dims);
        for (std::int64_t ci = 0; ci < c; ++ci)
            for (std::int64_t pixel = 0; pixel < h * w; ++pixel)
                result.data()[pixel * c + ci] =
                    values[static_cast<std::size_t>(ci * h * w + pixel)];
        return result;
    };
    tape<cpu::context> t(ctx, mode::eval);
    const auto features = teacher(t, constant(channels_last("input", {{1, 128, 128, 3}})));
    REQUIRE(features.size() == 3);
    const char* const names[] = {"layer1", "layer2", "layer3"};
    for (std::size_t level = 0; level < 3; ++level) {
        const auto want = channels_last(names[level], features[level].dims());
        double worst = 0, size = 0;
        for (std::int64_t i = 0; i < want.size(); ++i) {
            const double value = static_cast<double>(want.data()[i]);
            const double got = static_cast<double>(features[level].value.data()[i]);
            worst = std::max(worst, std::abs(got - value));
            size = std::max(size, std::abs(value));
        }
        INFO(names[level] << " is " << worst << " off, of " << size);
        CHECK(size > 1);
        CHECK(worst <= 3.8e-6 * size); // float's bound of docs/numerics.md
    }
}
