// Inspects a picture with a trained model: quickstart MODEL PICTURE
#include <pfad/pfadseg.hpp>

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: quickstart MODEL.safetensors PICTURE\n");
        return 2;
    }
    try {
        const auto inspector = pfad::inspector::load(argv[1]);
        const auto picture = pfad::read_picture(argv[2]); // or any pixels, as a picture_view
        const auto found = inspector.inspect(picture);
        std::printf("%s: score %.3f, %s\n", argv[2], found.score, found.defect ? "DEFECT" : "good");
        pfad::write_png("map.png",
                        pfad::report::render_inspection(picture, found.map, inspector.threshold()));
    } catch (const pfad::error& problem) {
        std::fprintf(stderr, "%s\n", problem.what());
        return 1;
    }
}
