// A program with an stb and a oneDNN of its own that loads the plugins it is given, twice, and uses
// its own before, between and after: host PLUGIN...
#include <dlfcn.h>
#include <dnnl.hpp>

// This stb reads BMP alone: a plugin that got it in place of the library's could not read its PNG.
#define STBI_ONLY_BMP
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

bool own_onednn_works(dnnl::engine& engine, dnnl::stream& stream) {
    std::vector<float> a = {1, 2, 3, 4}, b = {5, 6, 7, 8}, c(4);
    const dnnl::memory::desc layout({2, 2}, dnnl::memory::data_type::f32,
                                    dnnl::memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc plan(engine, layout, layout, layout);
#else
    const dnnl::matmul::primitive_desc plan(dnnl::matmul::desc(layout, layout, layout), engine);
#endif
    dnnl::matmul(plan).execute(stream, {{DNNL_ARG_SRC, dnnl::memory(layout, engine, a.data())},
                                        {DNNL_ARG_WEIGHTS, dnnl::memory(layout, engine, b.data())},
                                        {DNNL_ARG_DST, dnnl::memory(layout, engine, c.data())}});
    stream.wait();
    return c == std::vector<float>{19, 22, 43, 50};
}

void append(void* to, void* data, int size) {
    const auto* const from = static_cast<const unsigned char*>(data);
    auto* const all = static_cast<std::vector<unsigned char>*>(to);
    all->insert(all->end(), from, from + size);
}

// It reads BMP, bottom row first as it is told, and does not read PNG.
bool own_stb_works() {
    const unsigned char two_rows[] = {10, 10, 10, 200, 200, 200};
    std::vector<unsigned char> bmp, png;
    stbi_write_bmp_to_func(append, &bmp, 1, 2, 3, two_rows);
    stbi_write_png_to_func(append, &png, 1, 2, 3, two_rows, 3);
    int width = 0, height = 0, channels = 0;
    const auto load = [&](const std::vector<unsigned char>& file) {
        return stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height,
                                     &channels, 1);
    };
    unsigned char* const pixels = load(bmp);
    const bool good = pixels != nullptr && pixels[0] == 200 && pixels[1] == 10;
    stbi_image_free(pixels);
    return good && load(png) == nullptr;
}

} // namespace

int main(int argc, char** argv) {
    stbi_set_flip_vertically_on_load(1);
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    const auto check = [](bool good, const std::string& what) {
        if (!good)
            std::fprintf(stderr, "failed: %s\n", what.c_str());
        return good;
    };
    const auto own_work = [&](const std::string& when) {
        return check(own_stb_works(), "the program's stb " + when) &
               check(own_onednn_works(engine, stream), "the program's oneDNN " + when);
    };
    bool good = own_work("at first");
    for (int round = 0; round < 2; ++round) {
        std::vector<void*> libraries;
        for (int i = 1; i < argc; ++i) {
            void* const library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
            if (library == nullptr) {
                std::fprintf(stderr, "%s\n", dlerror());
                return 1;
            }
            libraries.push_back(library);
        }
        for (std::size_t i = 0; i < libraries.size(); ++i) {
            const auto run =
                reinterpret_cast<int (*)(const char*)>(dlsym(libraries[i], "run_plugin"));
            const std::string name = argv[i + 1];
            good &= check(run != nullptr && run((name + ".model").c_str()) == 0, name);
            good &= own_work("after " + name);
        }
        for (void* const library : libraries)
            good &= check(dlclose(library) == 0, "dlclose");
        good &= own_work("after dlclose");
    }
    return good ? 0 : 1;
}
