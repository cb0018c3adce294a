// An inspector with a random network, as an embedder has it.
#pragma once

#include "support/context.hpp"

#include <pfad/pfadseg.hpp>

#include <cstdio>
#include <string>

namespace pfad::bench {

/// Of 256x256 pictures, loaded from a file that is gone afterwards.
[[nodiscard]] inline inspector loaded_inspector() {
    const std::string file = "bench_inspector.safetensors";
    {
        context ctx;
        pfadseg<float> model(ctx, {});
        model.initialise(1);
        save_model<pfadseg>(file, model, {"pfadseg", 256, 0.5, {}});
    }
    auto result = inspector::load(file);
    std::remove(file.c_str());
    return result;
}

} // namespace pfad::bench
