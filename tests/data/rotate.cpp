#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/rotate.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace pfad;

namespace {

image_u8 rotate(const picture_view& from, double degrees) {
    image_u8 result{from.width, from.height, 3, {}};
    result.pixels.resize(static_cast<std::size_t>(3 * from.width * from.height));
    data::rotate_into(from, degrees, result.pixels.data());
    return result;
}

/// The red value at a place.
int at(const image_u8& picture, int x, int y) {
    return picture.pixels[static_cast<std::size_t>(3 * (y * picture.width + x))];
}

} // namespace

TEST_CASE("rotate: thirty degrees equal Pillow's", "[data]") {
    const auto got = rotate(some_picture(6, 5, 3), 30);
    const std::vector<std::uint8_t> pillow = {
        114, 114, 114, 81,  134, 187, 115, 163, 216, 83,  127, 180, 48,  101, 150, 114, 114, 114,
        30,  83,  136, 102, 155, 139, 191, 115, 71,  119, 83,  136, 131, 184, 169, 131, 184, 79,
        82,  135, 188, 155, 157, 172, 69,  117, 111, 103, 156, 149, 207, 107, 121, 126, 115, 125,
        147, 200, 95,  199, 93,  78,  111, 121, 174, 157, 193, 148, 120, 144, 128, 122, 175, 186,
        114, 114, 114, 31,  83,  132, 126, 171, 108, 231, 50,  86,  85,  86,  139, 114, 114, 114};
    CHECK(got.pixels == pillow);
}

TEST_CASE("rotate: quarter turns of a square move pixels counter-clockwise", "[data]") {
    const auto picture = some_picture(5, 5, 3);
    const auto quarter = rotate(picture, 90);
    const auto half = rotate(picture, 180);
    const auto three = rotate(picture, -90);
    for (int y = 0; y < 5; ++y)
        for (int x = 0; x < 5; ++x) {
            CHECK(at(quarter, x, y) == at(picture, 4 - y, x));
            CHECK(at(half, x, y) == at(picture, 4 - x, 4 - y));
            CHECK(at(three, x, y) == at(picture, y, 4 - x));
        }
    CHECK(rotate(quarter, 270).pixels == picture.pixels);
    CHECK(rotate(picture, 450).pixels == quarter.pixels);
    for (int quarters = 0; quarters < 4; ++quarters) {
        std::vector<std::uint8_t> moved(picture.pixels.size());
        data::rotate_quarters_into(picture, quarters, moved.data());
        CHECK(moved == rotate(picture, 90 * quarters).pixels);
    }
}

TEST_CASE("rotate: whole turns change nothing, whatever the shape", "[data]") {
    const auto picture = some_picture(7, 4, 3);
    CHECK(rotate(picture, 0).pixels == picture.pixels);
    CHECK(rotate(picture, -720).pixels == picture.pixels);
    const auto half = rotate(picture, 180);
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 7; ++x)
            CHECK(at(half, x, y) == at(picture, 6 - x, 3 - y));
}

TEST_CASE("rotate: an oblong turned by a right angle keeps its canvas", "[data]") {
    const auto got = rotate(some_picture(8, 4, 3), 90);
    CHECK(got.width == 8);
    CHECK(got.height == 4);
    CHECK(at(got, 0, 0) == 114);
    CHECK(at(got, 1, 3) == 114);
    CHECK(at(got, 2, 0) == at(some_picture(8, 4, 3), 5, 0));
}

TEST_CASE("rotate: five degrees and back is nearly the same in the middle", "[data]") {
    image_u8 smooth = some_picture(64, 64, 3);
    for (int y = 0; y < 64; ++y)
        for (int x = 0; x < 64; ++x)
            for (int k = 0; k < 3; ++k)
                smooth.pixels[static_cast<std::size_t>(3 * (y * 64 + x) + k)] =
                    static_cast<std::uint8_t>(2 * x + y);
    const auto there = rotate(smooth, 5);
    const auto back = rotate(there, -5);
    CHECK(there.pixels != smooth.pixels);
    for (int y = 16; y < 48; ++y)
        for (int x = 16; x < 48; ++x)
            CHECK(std::abs(at(back, x, y) - at(smooth, x, y)) <= 2);
}

TEST_CASE("rotate: refuses grey pictures and angles that are no number", "[data]") {
    const auto grey = some_picture(4, 4, 1);
    const auto good = some_picture(4, 4, 3);
    CHECK_THROWS_AS(rotate(grey, 5), error);
    CHECK_THROWS_AS(rotate(good, std::nan("")), error);
}
