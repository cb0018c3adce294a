// What an embedder does, with a network that has learnt nothing: save it, load it, inspect pixels
// that belong to somebody else.
#include <pfad/pfadseg.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
    const char* const file = "untrained.safetensors";
    {
        pfad::context ctx(2);
        pfad::pfadseg<float> model(ctx, {.rcm = false, .aff = false, .pcar = false});
        model.initialise(1);
        pfad::save_model(file, model, {.method = "pfadseg", .size = 64});
    }
    const auto inspector = pfad::inspector::load(file, {.threads = 2});
    std::remove(file);

    // Every row has four bytes more than its pixels need.
    const std::vector<std::uint8_t> pixels(50 * (40 * 3 + 4), 128);
    const auto found = inspector.inspect({pixels.data(), 40, 50, 3, 40 * 3 + 4});
    const bool good = found.score > 0 && found.score < 1 && found.map.extent(0) == 50 &&
                      found.map.extent(1) == 40;
    return good ? 0 : 1;
}
