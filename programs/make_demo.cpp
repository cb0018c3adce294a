// pfad_make_demo: writes a small category of pictures with defects, and textures, to try pfad with.
#include "support/program.hpp"

#include <pfad/data/synthetic.hpp>
#include <pfad/data/synthetic_textures.hpp>

int main(int argc, char** argv) {
    return program::run("pfad_make_demo", [&] {
        std::string out;
        std::uint64_t seed = 1;
        CLI::App app{"Writes OUT/flange (MVTec AD layout) and OUT/textures, all drawn by pfad."};
        app.add_option("--out", out, "folder")->required();
        app.add_option("--seed", seed, "other pictures");
        return program::parse_and_run(app, argc, argv, [&] {
            pfad::data::make_demo_category(std::filesystem::path(out) / "flange", seed);
            pfad::data::make_demo_textures(std::filesystem::path(out) / "textures", seed);
            std::printf("%s/flange and %s/textures written\n", out.c_str(), out.c_str());
            return 0;
        });
    });
}
