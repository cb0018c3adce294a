#include "support/catch.hpp"
#include "support/sentence.hpp"

#include <pfad/detect/regions.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

using namespace pfad;
using detect::find_regions;
using detect::region;
using detect::threshold_map;

TEST_CASE("regions: box, area, peak and mean of each", "[detect]") {
    // A staircase whose pixels touch at corners alone, a single pixel, an L at the edge.
    const std::vector<float> map = {0.0f, 0.0f,  0.5f, 0.0f, 0.0f, 0.9f, //
                                    0.0f, 0.75f, 0.0f, 0.0f, 0.0f, 0.0f, //
                                    1.0f, 0.0f,  0.0f, 0.0f, 0.0f, 0.5f, //
                                    0.0f, 0.0f,  0.0f, 0.0f, 0.5f, 0.625f};
    const shape<2> dims = {{4, 6}};
    std::vector<std::uint8_t> mask(24, 7);
    threshold_map({map.data(), dims}, 0.5, {mask.data(), dims});
    for (std::size_t i = 0; i < 24; ++i)
        CHECK(mask[i] == (map[i] >= 0.5f ? 1 : 0));
    const auto found = find_regions({map.data(), dims}, {mask.data(), dims});
    const double peak = static_cast<double>(0.9f);
    REQUIRE(found.size() == 3);
    CHECK(found[0] == region{0, 0, 3, 3, 3, 1, 0.75});
    CHECK(found[1] == region{5, 0, 1, 1, 1, peak, peak});
    CHECK(found[2].left == 4);
    CHECK(found[2].top == 2);
    CHECK(found[2].width == 2);
    CHECK(found[2].height == 2);
    CHECK(found[2].area == 3);
    CHECK(found[2].peak == 0.625);
    CHECK(found[2].mean == Approx(1.625 / 3));
}

TEST_CASE("regions: a box grows to the left and to the right of its first pixel", "[detect]") {
    const std::vector<float> map = {0, 0, 1, 0, 0, //
                                    1, 1, 1, 1, 1, //
                                    0, 0, 0, 0, 0};
    const std::vector<std::uint8_t> mask(map.begin(), map.end());
    const shape<2> dims = {{3, 5}};
    const auto found = find_regions({map.data(), dims}, {mask.data(), dims});
    REQUIRE(found.size() == 1);
    CHECK(found[0] == region{0, 0, 5, 2, 6, 1, 1});
}

TEST_CASE("regions: none below the threshold, and NaN is below it", "[detect]") {
    const std::vector<float> map = {0.1f, std::nanf(""), 0.2f, 0.0f};
    std::vector<std::uint8_t> mask(4, 1);
    const shape<2> dims = {{2, 2}};
    threshold_map({map.data(), dims}, 0.3, {mask.data(), dims});
    CHECK(mask == std::vector<std::uint8_t>(4, 0));
    CHECK(find_regions({map.data(), dims}, {mask.data(), dims}).empty());
}

TEST_CASE("regions: map and mask of different shapes are refused", "[detect]") {
    const std::vector<float> map(6);
    std::vector<std::uint8_t> mask(6);
    CHECK(sentence_of(errc::shape, [&] {
              threshold_map({map.data(), {{2, 3}}}, 0.5, {mask.data(), {{3, 2}}});
          }) == "threshold_map: map and mask have one shape, got (2, 3) and (3, 2)");
    CHECK(sentence_of(errc::shape, [&] {
              (void)find_regions({map.data(), {{2, 3}}}, {mask.data(), {{3, 2}}});
          }) == "find_regions: map and mask have one shape, got (2, 3) and (3, 2)");
}
