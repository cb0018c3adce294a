#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/mvtec.hpp>
#include <pfad/data/synthetic.hpp>

#include <cmath>
#include <cstddef>
#include <map>
#include <string>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("demo category: a complete category that the reader accepts", "[data]") {
    const picture_folder folder;
    make_demo_category(folder.path() / "flange", 1,
                       {.size = 48, .training = 4, .good = 2, .anomalous = 2});
    CHECK(list_training_pictures(folder.path() / "flange").size() == 4);
    const auto items = list_test_items(folder.path() / "flange");
    std::map<std::string, int> kinds;
    for (const auto& item : items) {
        ++kinds[item.kind];
        CHECK(read_picture(item.picture).width == 48);
        if (!item.anomalous())
            continue;
        int ones = 0;
        for (const auto value : read_mask(item.mask).pixels) {
            CHECK((value == 0 || value == 255));
            ones += value == 255;
        }
        CHECK((ones > 0 && ones < 48 * 48 / 10));
    }
    CHECK(kinds ==
          std::map<std::string, int>{{"good", 2}, {"pit", 2}, {"scratch", 2}, {"stain", 2}});
}

TEST_CASE("demo category: photographs are pure functions of seed and number", "[data]") {
    const auto first = make_demo_photograph(1, "test", "pit", 0, 40);
    CHECK(make_demo_photograph(1, "test", "pit", 0, 40).picture.pixels == first.picture.pixels);
    CHECK(make_demo_photograph(1, "test", "pit", 1, 40).picture.pixels != first.picture.pixels);
    CHECK(make_demo_photograph(2, "test", "pit", 0, 40).picture.pixels != first.picture.pixels);
    CHECK(make_demo_photograph(1, "train", "good", 0, 40).picture.pixels !=
          make_demo_photograph(1, "test", "good", 0, 40).picture.pixels);
}

TEST_CASE("demo category: the mask is where the defect changes the picture", "[data]") {
    for (const auto kind : demo_defects)
        for (int number = 0; number < 8; ++number) {
            const std::string purpose = "demo test/" + std::string(kind);
            random_stream random(1, purpose, static_cast<std::uint64_t>(number), 0);
            const demo_flange flange(random);
            const demo_defect defect(kind, flange, random);
            double inside = 0, outside = 0, pixels = 0;
            for (float y = -0.5f; y < 0.5f; y += 0.01f)
                for (float x = -0.5f; x < 0.5f; x += 0.01f) {
                    const auto blemish = defect.look({x, y});
                    const double change =
                        std::abs(1 - blemish.factor.blue) + std::abs(blemish.light);
                    inside += blemish.inside ? change : 0;
                    outside += blemish.inside ? 0 : change;
                    pixels += blemish.inside;
                }
            INFO(kind << " " << number);
            CHECK(inside > 0.08 * pixels);
            CHECK(outside < 0.25 * inside);
        }
}

TEST_CASE("demo category: options that make no sense are refused", "[data]") {
    const picture_folder folder;
    CHECK_THROWS_AS(make_demo_category(folder.path(), 1, {.size = 4}), error);
    CHECK_THROWS_AS(make_demo_category(folder.path(), 1, {.training = 0}), error);
}
