#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/resample.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace pfad;
using pfad::data::resize;
using pfad::data::resize_mask;

TEST_CASE("resize: a reduced colour picture equals Pillow's", "[data]") {
    const auto got = resize(some_picture(7, 5, 3), {3, 4});
    const std::vector<std::uint8_t> pillow = {
        56,  109, 149, 120, 147, 174, 158, 143, 113, 147, 154, 137, 125, 110, 122, 114, 129, 136,
        110, 117, 133, 142, 154, 139, 145, 128, 135, 140, 152, 122, 136, 129, 133, 168, 139, 110};
    CHECK(got.width == 3);
    CHECK(got.height == 4);
    CHECK(got.pixels == pillow);
}

TEST_CASE("resize: a grey picture, wider and lower, equals Pillow's", "[data]") {
    const auto got = resize(some_picture(5, 9, 1), {7, 4});
    const std::vector<std::uint8_t> pillow = {75,  100, 116, 110, 140, 124, 86,  91,  120, 139,
                                              130, 130, 147, 169, 125, 106, 108, 146, 109, 126,
                                              167, 141, 136, 126, 110, 136, 143, 138};
    CHECK(got.channels == 1);
    CHECK(got.pixels == pillow);
}

TEST_CASE("resize: the same size changes nothing", "[data]") {
    const auto picture = some_picture(13, 8, 3);
    CHECK(resize(picture, {13, 8}).pixels == picture.pixels);
}

TEST_CASE("resize: one colour stays that colour at any size", "[data]") {
    for (const int level : {0, 1, 127, 254, 255})
        for (const int size : {1, 2, 17, 64}) {
            image_u8 picture = some_picture(23, 11, 3);
            picture.pixels.assign(picture.pixels.size(), static_cast<std::uint8_t>(level));
            const auto got = resize(picture, {size, size + 3});
            CHECK(got.pixels ==
                  std::vector<std::uint8_t>(got.pixels.size(), static_cast<std::uint8_t>(level)));
        }
}

TEST_CASE("resize: a single pixel fills any size", "[data]") {
    const auto got = resize(some_picture(1, 1, 3), {2, 2});
    CHECK(got.pixels == std::vector<std::uint8_t>{0, 53, 106, 0, 53, 106, 0, 53, 106, 0, 53, 106});
}

TEST_CASE("resize: rows may be further apart than they are long", "[data]") {
    const auto whole = some_picture(12, 9, 3);
    image_u8 part = some_picture(5, 9, 3);
    for (std::size_t y = 0; y < 9; ++y)
        for (std::size_t i = 0; i < 15; ++i)
            part.pixels[y * 15 + i] = whole.pixels[y * 36 + 6 + i];
    picture_view window = whole;
    window.data += 6;
    window.width = 5;
    CHECK(resize(window, {4, 4}).pixels == resize(part, {4, 4}).pixels);
}

TEST_CASE("resize: refuses what is not a picture", "[data]") {
    const auto two = some_picture(4, 4, 2);
    CHECK_THROWS_AS(resize(two, {2, 2}), error);
    const auto good = some_picture(4, 4, 3);
    CHECK_THROWS_AS(resize(good, {0, 2}), error);
    CHECK_THROWS_AS(resize(picture_view{}, {2, 2}), error);
}

TEST_CASE("triangle_filter: weights of every sample sum to one", "[data]") {
    for (const int in : {1, 3, 64, 101})
        for (const int out : {1, 2, 64, 130}) {
            const data::triangle_filter filter(in, out);
            for (int i = 0; i < out; ++i) {
                double sum = 0;
                const auto taps = filter.samples[static_cast<std::size_t>(i)];
                CHECK(taps.count <= filter.width);
                CHECK(taps.first + taps.count <= in);
                for (int tap = 0; tap < taps.count; ++tap)
                    sum += filter.weights[static_cast<std::size_t>(i * filter.width + tap)];
                CHECK(std::abs(sum - 1) < 1e-12);
            }
        }
}

TEST_CASE("resize_mask: half covered counts, less does not", "[data]") {
    // At half the size a sample weighs its four nearest columns 1, 3, 3, 1 eighths.
    image_u8 mask = some_picture(8, 1, 1);
    mask.pixels = {0, 0, 0, 255, 255, 255, 0, 0};
    CHECK(resize_mask(mask, {4, 1}) == std::vector<std::uint8_t>{0, 1, 1, 0});
    mask.pixels = {0, 0, 0, 0, 255, 0, 0, 0};
    CHECK(resize_mask(mask, {4, 1}) == std::vector<std::uint8_t>{0, 0, 0, 0});
}

TEST_CASE("resize_mask: a grey of 127 is outside, of 128 inside", "[data]") {
    image_u8 mask = some_picture(2, 1, 1);
    mask.pixels = {127, 128};
    CHECK(resize_mask(mask, {2, 1}) == std::vector<std::uint8_t>{0, 1});
    CHECK_THROWS_AS(resize_mask(some_picture(4, 4, 3), {2, 2}), error);
}
