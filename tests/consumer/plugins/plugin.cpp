// pfad inside a shared library that a program loads: a picture read, an inspection, a picture written.
#include <pfad/pfadseg.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

bool works(const std::string& file) {
    {
        pfad::context ctx(2);
        pfad::pfadseg<float> model(ctx, {.rcm = false, .aff = false, .pcar = false});
        model.initialise(1);
        pfad::save_model(file, model, {.method = "pfadseg", .size = 64});
    }
    const auto inspector = pfad::inspector::load(file, {.threads = 2});
    std::remove(file.c_str());

    // Not the same from top to bottom: stb of the program may be told to turn pictures over.
    std::vector<std::uint8_t> pixels(std::size_t{40} * 50 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint8_t>(i / 30);
    const auto png = pfad::encode_png({pixels.data(), 40, 50, 3, 40 * 3});
    const auto picture = pfad::decode_picture(png, "a picture");
    const auto found = inspector.inspect(picture);
    return picture.pixels == pixels && found.score > 0 && found.score < 1;
}

} // namespace

/// 0 where all went well. `file` is written and removed.
extern "C" [[gnu::visibility("default")]] int run_plugin(const char* file) {
    try {
        return works(file) ? 0 : 1;
    } catch (const pfad::error& problem) {
        std::fprintf(stderr, "%s: %s\n", file, problem.what());
        return 1;
    }
}
