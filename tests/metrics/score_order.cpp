#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/score_order.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace {

using pfad::metrics::descending_key;
using pfad::metrics::pixel_counts;
using pfad::metrics::score_order;

// Writes down what a sweep says.
struct recorder {
    std::vector<std::uint32_t> regions;
    std::vector<pixel_counts> thresholds;
    void pixel(std::uint32_t region) { regions.push_back(region); }
    void threshold(pixel_counts seen) { thresholds.push_back(seen); }
};

} // namespace

TEST_CASE("score_order: keys fall as scores rise", "[metrics]") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float rising[] = {-infinity, -1e30f, -2.0f, -1.0f, -1e-45f, 0.0f,
                            1e-45f,    1e-30f, 1.0f,  2.0f,  1e30f,   infinity};
    for (std::size_t i = 1; i < std::size(rising); ++i)
        CHECK(descending_key(rising[i - 1]) > descending_key(rising[i]));
    CHECK(descending_key(-0.0f) == descending_key(0.0f));
}

TEST_CASE("score_order: a sweep stops once at each distinct score", "[metrics]") {
    const std::vector<float> scores = {0.5f, 2.0f, -1.0f, 0.5f, -0.0f, 0.0f};
    const std::vector<std::uint8_t> masks = {1, 0, 0, 0, 1, 1};
    const score_order order({scores.data(), {{1, 2, 3}}}, {masks.data(), {{1, 2, 3}}});
    CHECK(order.regions() == 1);
    CHECK(order.region_sizes() == std::vector<std::int64_t>{3, 3});
    CHECK(order.total().anomalous == 3);
    recorder seen;
    order.sweep(seen);
    REQUIRE(seen.thresholds.size() == 4);
    CHECK(seen.thresholds[0].normal == 1);
    CHECK(seen.thresholds[0].anomalous == 0);
    CHECK(seen.thresholds[1].normal == 2);
    CHECK(seen.thresholds[1].anomalous == 1);
    CHECK(seen.thresholds[2].normal == 2);
    CHECK(seen.thresholds[2].anomalous == 3);
    CHECK(seen.thresholds[3].normal == 3);
    CHECK(seen.regions == std::vector<std::uint32_t>{0, 1, 0, 1, 1, 0});
}

TEST_CASE("score_order: sorts like a map of thresholds", "[metrics]") {
    for (const int levels : {0, 3, 1000}) {
        pfad::random_stream draws(5, "order");
        std::vector<float> scores(7 * 31 * 17);
        std::vector<std::uint8_t> masks(scores.size());
        std::map<float, pixel_counts, std::greater<>> want;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const double wide = draws.normal() * std::exp(draws.uniform(-60, 60));
            scores[i] =
                static_cast<float>(levels ? std::floor(draws.uniform() * levels) - 1 : wide);
            masks[i] = draws.uniform() < 0.3;
            ++(masks[i] ? want[scores[i]].anomalous : want[scores[i]].normal);
        }
        const score_order order({scores.data(), {{7, 31, 17}}}, {masks.data(), {{7, 31, 17}}});
        recorder seen;
        order.sweep(seen);
        REQUIRE(seen.thresholds.size() == want.size());
        pixel_counts sum;
        std::size_t i = 0;
        bool same = true;
        for (const auto& entry : want) {
            sum.normal += entry.second.normal;
            sum.anomalous += entry.second.anomalous;
            same &= seen.thresholds[i].normal == sum.normal;
            same &= seen.thresholds[i++].anomalous == sum.anomalous;
        }
        CHECK(same);
    }
}

TEST_CASE("score_order: a NaN is an error that names the picture", "[metrics]") {
    std::vector<float> scores(12, 0.25f);
    const std::vector<std::uint8_t> masks(12);
    scores[7] = std::numeric_limits<float>::quiet_NaN();
    try {
        const score_order order({scores.data(), {{3, 2, 2}}}, {masks.data(), {{3, 2, 2}}});
        FAIL("a NaN went through");
    } catch (const pfad::error& e) {
        CHECK(e.code() == pfad::errc::value);
        CHECK(std::string(e.what()).find("picture 1 ") != std::string::npos);
    }
    CHECK_THROWS_AS(score_order({scores.data(), {{3, 2, 2}}}, {masks.data(), {{3, 4, 1}}}),
                    pfad::error);
}

TEST_CASE("score_order: no pictures are no thresholds", "[metrics]") {
    const score_order order({nullptr, {{0, 4, 4}}}, {nullptr, {{0, 4, 4}}});
    recorder seen;
    order.sweep(seen);
    CHECK(seen.thresholds.empty());
    CHECK(order.regions() == 0);
}
