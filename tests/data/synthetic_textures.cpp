#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/synthetic_textures.hpp>
#include <pfad/data/textures.hpp>

#include <cmath>
#include <cstddef>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("demo textures: the number asked for, all different, none flat", "[data]") {
    const picture_folder folder;
    make_demo_textures(folder.path() / "deep" / "textures", 1, 10, 32);
    const auto files = list_textures(folder.path());
    REQUIRE(files.size() == 10);
    image_u8 before;
    for (const auto& file : files) {
        const auto picture = read_picture(file);
        CHECK(picture.width == 32);
        CHECK(picture.pixels != before.pixels);
        double sum = 0, squares = 0;
        for (const auto value : picture.pixels) {
            sum += value;
            squares += value * value;
        }
        const double count = static_cast<double>(picture.pixels.size());
        CHECK(std::sqrt(squares / count - sum * sum / count / count) > 5);
        before = picture;
    }
}

TEST_CASE("demo textures: a pure function of seed and number", "[data]") {
    CHECK(make_demo_texture(1, 3, 24).pixels == make_demo_texture(1, 3, 24).pixels);
    CHECK(make_demo_texture(1, 3, 24).pixels != make_demo_texture(2, 3, 24).pixels);
    CHECK(make_demo_texture(1, 3, 24).pixels != make_demo_texture(1, 11, 24).pixels);
}

TEST_CASE("demo textures: a folder that cannot be made is named", "[data]") {
    const picture_folder folder;
    const auto file = folder.text("file");
    CHECK(contains(sentence_of([&] { make_demo_textures(file / "below", 1, 1, 8); }),
                   (file / "below").string() + ": the folder cannot be made: "));
}

TEST_CASE("value_noise: between 0 and 1, smooth, and repeating", "[data]") {
    random_stream random(1, "test");
    const value_noise noise(random);
    for (int i = 0; i < 500; ++i) {
        const float x = 0.37f * static_cast<float>(i) - 60;
        const float y = 0.21f * static_cast<float>(i) - 20;
        const float value = noise.fractal(x, y, 4);
        CHECK((value >= 0 && value <= 1));
        CHECK(std::abs(noise.at(x, y) - noise.at(x + 0.001f, y)) < 0.01f);
        CHECK(std::abs(noise.at(x, y) - noise.at(x + 64, y - 64)) < 1e-3f);
    }
}
