#include "support/catch.hpp"

#include <pfad/report/heat_map.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace pfad::report;
using pfad::image_u8;
using pfad::picture_view;

image_u8 plain(int width, int height, int channels, std::uint8_t value) {
    image_u8 picture;
    picture.width = width;
    picture.height = height;
    picture.channels = channels;
    picture.pixels.assign(static_cast<std::size_t>(width * height * channels), value);
    return picture;
}

rgb at(const image_u8& picture, int x, int y) {
    const std::size_t i = 3 * static_cast<std::size_t>(y * picture.width + x);
    return {picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2]};
}

// A map that is 1 in columns [left, right) and rows [top, bottom), else 0.
struct box_map {
    std::vector<float> scores;
    pfad::shape<2> dims;
    box_map(int width, int height, int left, int top, int right, int bottom)
        : scores(static_cast<std::size_t>(width * height)), dims{{height, width}} {
        for (int y = top; y < bottom; ++y)
            for (int x = left; x < right; ++x)
                scores[static_cast<std::size_t>(y * width + x)] = 1;
    }
    operator pfad::view<const float, 2>() const { return {scores.data(), dims}; }
};

double luminance(const rgb& c) {
    return 0.2126 * std::pow(c.red / 255.0, 2.2) + 0.7152 * std::pow(c.green / 255.0, 2.2) +
           0.0722 * std::pow(c.blue / 255.0, 2.2);
}

} // namespace

TEST_CASE("heatmap: the colours get lighter all the way", "[report]") {
    double before = -1;
    for (int i = 0; i <= 256; ++i) {
        const double now = luminance(map_colour(static_cast<float>(i) / 256));
        CHECK(now > before - 1e-3);
        if (i % 16 == 0) {
            CHECK(now > before);
            before = now;
        }
    }
    CHECK(map_colour(-3) == map_colour(0));
    CHECK(map_colour(7) == map_colour(1));
    CHECK(map_colour(std::numeric_limits<float>::quiet_NaN()) == map_colour(0));
}

TEST_CASE("heatmap: the threshold sits in the middle of the colours", "[report]") {
    for (const float threshold : {0.1f, 0.5f, 0.9f}) {
        CHECK(colour_position(0, threshold) == 0);
        CHECK(colour_position(threshold / 2, threshold) == Approx(0.25));
        CHECK(colour_position(threshold, threshold) == Approx(0.5));
        CHECK(colour_position((1 + threshold) / 2, threshold) == Approx(0.75));
        CHECK(colour_position(1, threshold) == 1);
    }
    CHECK(colour_position(0.5f, 0) == Approx(0.75));
    CHECK(colour_position(0.5f, 1) == Approx(0.25));
    CHECK(colour_position(1, 1) == 0.5f);
    CHECK(colour_position(-1, 0) == 0);
}

TEST_CASE("heatmap: stretching is bilinear with half-pixel centres", "[report]") {
    const std::vector<float> map = {0, 1, 2, 3};
    const auto same = stretch_map({map.data(), {{2, 2}}}, 2, 2);
    CHECK(same == map);
    const auto wide = stretch_map({map.data(), {{1, 4}}}, 8, 2);
    const std::vector<float> row = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2.25f, 2.75f, 3};
    for (std::size_t i = 0; i < 16; ++i)
        CHECK(wide[i] == Approx(row[i % 8]));
    const auto one = stretch_map({map.data() + 2, {{1, 1}}}, 3, 5);
    CHECK(one == std::vector<float>(15, 2));
}

TEST_CASE("heatmap: pictures of every kind become red, green and blue", "[report]") {
    const std::uint8_t pixels[] = {1, 2, 3, 4, 99, 5, 6, 7, 8, 99}; // rows of 5 bytes
    const auto grey = to_rgb(picture_view{pixels, 2, 2, 1, 5});
    CHECK(grey.pixels == std::vector<std::uint8_t>{1, 1, 1, 2, 2, 2, 5, 5, 5, 6, 6, 6});
    const auto alpha = to_rgb(picture_view{pixels, 1, 2, 4, 5});
    CHECK(alpha.pixels == std::vector<std::uint8_t>{1, 2, 3, 5, 6, 7});
    CHECK(alpha.channels == 3);
}

TEST_CASE("heatmap: a good picture stays as it is", "[report]") {
    const auto picture = plain(40, 30, 3, 120);
    const std::vector<float> quiet(12, 0.1f);
    CHECK(render_inspection(picture, {quiet.data(), {{3, 4}}}, 0.5).pixels == picture.pixels);
    const std::vector<float> empty(12);
    CHECK(render_truth(picture, {empty.data(), {{3, 4}}}).pixels == picture.pixels);
}

TEST_CASE("heatmap: opacity grows with the score and leaves the picture readable", "[report]") {
    const auto dark = plain(1, 1, 3, 0), light = plain(1, 1, 3, 255);
    int before = 256;
    for (const float score : {0.0f, 0.3f, 0.5f, 0.7f, 1.0f}) {
        const pfad::view<const float, 2> map = {&score, {{1, 1}}};
        // What of the picture comes through: the difference of the two results.
        const int through =
            at(overlay_map(light, map, 0.5), 0, 0).red - at(overlay_map(dark, map, 0.5), 0, 0).red;
        CHECK(through < before);
        CHECK(through >= 80);
        before = through;
    }
}

TEST_CASE("heatmap: the outline runs along the border of the region and nowhere else", "[report]") {
    auto picture = plain(64, 64, 3, 128);
    draw_outline(picture, box_map(64, 64, 16, 20, 48, 44), 0.5);
    for (const int y : {20, 32, 43}) {
        CHECK(at(picture, 15, y).green > 180); // the line lies between 15 and 16
        CHECK(at(picture, 16, y).green > 180);
        CHECK(at(picture, 15, y).red < 128);
    }
    CHECK(at(picture, 32, 19).green > 180);
    CHECK(at(picture, 32, 44).green > 180);
    CHECK(at(picture, 13, 32).green < 128); // the dark rim
    CHECK(at(picture, 32, 32) == rgb{128, 128, 128});
    CHECK(at(picture, 8, 8) == rgb{128, 128, 128});
    CHECK(at(picture, 60, 32) == rgb{128, 128, 128});
}

TEST_CASE("heatmap: a region at the edge is closed there, a full one framed", "[report]") {
    auto picture = plain(64, 48, 3, 128);
    draw_outline(picture, box_map(64, 48, 0, 0, 64, 48), 0.5);
    for (const int x : {0, 20, 63}) {
        CHECK(at(picture, x, 0) == outline_colour);
        CHECK(at(picture, x, 47) == outline_colour);
    }
    CHECK(at(picture, 0, 24) == outline_colour);
    CHECK(at(picture, 63, 24) == outline_colour);
    CHECK(at(picture, 32, 24) == rgb{128, 128, 128});
}

TEST_CASE("heatmap: single pixels and pixels that touch by a corner are outlined", "[report]") {
    auto one = plain(16, 16, 3, 128);
    draw_outline(one, box_map(16, 16, 8, 8, 9, 9), 0.5);
    CHECK(at(one, 8, 8).green > 180);
    for (const bool falling : {false, true}) {
        box_map map(16, 16, 4, falling ? 4 : 8, 8, falling ? 8 : 12);
        const box_map other(16, 16, 8, falling ? 8 : 4, 12, falling ? 12 : 8);
        for (std::size_t i = 0; i < map.scores.size(); ++i)
            map.scores[i] += other.scores[i];
        auto picture = plain(16, 16, 3, 128);
        draw_outline(picture, map, 0.5);
        CHECK(at(picture, 4, falling ? 6 : 9).green > 180);
        CHECK(at(picture, 11, falling ? 9 : 6).green > 180);
        CHECK(at(picture, 1, 1) == rgb{128, 128, 128});
    }
}

TEST_CASE("heatmap: lines grow with the picture", "[report]") {
    const box_map map(8, 8, 4, 0, 8, 8);
    const auto painted = [&](int side) {
        auto picture = plain(side, side, 3, 128);
        draw_outline(picture, map, 0.5);
        int count = 0;
        for (int x = side / 4; x < side * 3 / 4; ++x)
            count += at(picture, x, side / 2).green > 190;
        return count;
    };
    CHECK(painted(128) >= 1);
    CHECK(painted(128) <= 2);
    CHECK(painted(512) <= 2);
    CHECK(painted(2048) >= 5);
}

TEST_CASE("heatmap: the truth is lit and outlined, the rest dimmed", "[report]") {
    const auto lit = render_truth(plain(32, 32, 3, 200), box_map(32, 32, 8, 8, 24, 24));
    CHECK(at(lit, 16, 16) == rgb{200, 200, 200});
    CHECK(at(lit, 1, 1) == rgb{100, 100, 100});
    CHECK(at(lit, 8, 16).green > at(lit, 8, 16).red);
}

TEST_CASE("heatmap: scores that end elsewhere than at 1 have the same colours", "[report]") {
    const auto picture = plain(24, 16, 3, 90);
    const std::vector<float> map = {0.1f, 0.2f, 0.3f, 0.9f, 0.5f, 0.7f};
    std::vector<float> fourfold;
    for (const float score : map)
        fourfold.push_back(4 * score);
    const auto one = render_inspection(picture, {map.data(), {{2, 3}}}, 0.5);
    const auto four = render_inspection(picture, {fourfold.data(), {{2, 3}}}, 2, 4);
    CHECK(one.pixels == four.pixels);
    CHECK(one.pixels != picture.pixels);
    CHECK_THROWS_AS(render_inspection(picture, {map.data(), {{2, 3}}}, 2), pfad::error);
}

TEST_CASE("heatmap: panels stand side by side with a gap", "[report]") {
    const image_u8 panels[] = {plain(10, 20, 3, 10), plain(5, 8, 3, 20)};
    const auto both = side_by_side(panels);
    CHECK(both.width == 17);
    CHECK(both.height == 20);
    CHECK(at(both, 9, 19) == rgb{10, 10, 10});
    CHECK(at(both, 10, 0) == rgb{255, 255, 255});
    CHECK(at(both, 12, 5) == rgb{255, 255, 255});
    CHECK(at(both, 12, 6) == rgb{20, 20, 20});
    CHECK(at(both, 16, 13) == rgb{20, 20, 20});
    CHECK(at(both, 16, 14) == rgb{255, 255, 255});
}

TEST_CASE("heatmap: a constant map is one colour", "[report]") {
    const float score = 0.25f;
    const auto picture = colour_map({&score, {{1, 1}}}, 3, 2, 0.5);
    CHECK(picture.pixels.size() == 18);
    CHECK(at(picture, 2, 1) == map_colour(0.25f));
}

TEST_CASE("heatmap: bad input is an error", "[report]") {
    const float score = 0.5f;
    const pfad::view<const float, 2> map = {&score, {{1, 1}}}, nothing = {&score, {{0, 3}}};
    auto picture = plain(4, 4, 3, 0), grey = plain(4, 4, 1, 0);
    CHECK_THROWS_AS(overlay_map(picture, nothing, 0.5), pfad::error);
    CHECK_THROWS_AS(overlay_map(picture, map, -0.1), pfad::error);
    CHECK_THROWS_AS(overlay_map(plain(4, 4, 2, 0), map, 0.5), pfad::error);
    CHECK_THROWS_AS(overlay_map(plain(0, 0, 3, 0), map, 0.5), pfad::error);
    CHECK_THROWS_AS(colour_map(map, 4, 4, std::nan("")), pfad::error);
    CHECK_THROWS_AS(draw_outline(grey, map, 0.5), pfad::error);
    CHECK_THROWS_AS(side_by_side({}), pfad::error);
}
