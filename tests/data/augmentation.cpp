#include "support/catch.hpp"

#include <pfad/data/augmentation.hpp>

#include <array>
#include <cmath>
#include <set>
#include <tuple>
#include <vector>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("mvtec_rotation: fifteen categories, others do not turn", "[data]") {
    CHECK(mvtec_rotation("screw") == rotation::full);
    CHECK(mvtec_rotation("hazelnut") == rotation::full);
    CHECK(mvtec_rotation("zipper") == rotation::slight);
    CHECK(mvtec_rotation("transistor") == rotation::none);
    CHECK(mvtec_rotation("flange") == rotation::none);
    CHECK(mvtec_rotation("") == rotation::none);
    int counts[3] = {};
    for (const char* const name :
         {"bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut",
          "pill", "screw", "tile", "toothbrush", "transistor", "wood", "zipper"})
        ++counts[static_cast<int>(mvtec_rotation(name))];
    CHECK(counts[0] == 5);
    CHECK(counts[1] == 3);
    CHECK(counts[2] == 7);
}

TEST_CASE("draw_rotation: quarter turns only in full, small angles in both", "[data]") {
    random_stream random(3, "test");
    int quarters[4] = {};
    double low = 0, high = 0;
    for (int i = 0; i < 2000; ++i) {
        const auto none = draw_rotation(rotation::none, random);
        CHECK((none.quarters == 0 && none.degrees == 0));
        const auto slight = draw_rotation(rotation::slight, random);
        CHECK(slight.quarters == 0);
        const auto full = draw_rotation(rotation::full, random);
        ++quarters[full.quarters];
        low = std::min({low, slight.degrees, full.degrees});
        high = std::max({high, slight.degrees, full.degrees});
    }
    for (const int count : quarters)
        CHECK((count > 400 && count < 600));
    CHECK((low >= -5 && low < -4.9));
    CHECK((high < 5 && high > 4.9));
}

TEST_CASE("draw_jitter: nothing is drawn for none, slight and strong keep to their ranges",
          "[data]") {
    random_stream random(5, "test"), other(5, "test");
    CHECK(draw_jitter(jitter::none, random).brightness == 1);
    CHECK(random.uniform() == other.uniform());
    for (const auto& [kind, light, place] :
         {std::tuple(jitter::slight, 0.1, 0.02), {jitter::strong, 0.25, 0.05}}) {
        double most[5] = {}, least[5] = {};
        int brighter = 0;
        for (int i = 0; i < 2000; ++i) {
            const auto d = draw_jitter(kind, random);
            brighter += d.brightness > 1;
            const double drawn[5] = {
                std::log(static_cast<double>(d.brightness)) / std::log1p(light),
                std::log(static_cast<double>(d.contrast)) / std::log1p(light),
                static_cast<double>(d.down) / place, static_cast<double>(d.across) / place,
                std::log(static_cast<double>(d.zoom)) / std::log1p(place)};
            for (int k = 0; k < 5; ++k) {
                most[k] = std::max(most[k], drawn[k]);
                least[k] = std::min(least[k], drawn[k]);
            }
        }
        for (int k = 0; k < 5; ++k) {
            CHECK((most[k] > 0.98 && most[k] < 1 + 1e-5));
            CHECK((least[k] < -0.98 && least[k] > -1 - 1e-5));
        }
        CHECK((brighter > 900 && brighter < 1100));
    }
}

TEST_CASE("draw_anomaly: every lattice occurs, opacities keep to their range", "[data]") {
    random_stream random(4, "test");
    std::vector<float> angles(lattice_capacity);
    std::set<std::pair<int, int>> lattices;
    float low = 1, high = 0, mean = 0;
    constexpr int count = 1000;
    for (int i = 0; i < count; ++i) {
        const auto drawn = draw_anomaly({}, random, angles.data());
        lattices.insert({drawn.cells_down, drawn.cells_across});
        CHECK(std::abs(drawn.turn) <= 90);
        low = std::min(low, drawn.opacity);
        high = std::max(high, drawn.opacity);
        mean += drawn.opacity / count;
    }
    CHECK(lattices.size() == 36);
    CHECK(lattices.rbegin()->first == 32);
    CHECK(lattices.begin()->first == 1);
    CHECK((low >= 0.15f && low < 0.16f));
    CHECK((high <= 1 && high > 0.99f));
    CHECK(std::abs(mean - 0.575f) < 0.04f);
    for (int i = 0; i < count; ++i)
        CHECK(draw_anomaly({.low = 0.2}, random, angles.data()).opacity >= 0.2f);
}

TEST_CASE("draw_anomaly: angles cover the circle and stay inside their array", "[data]") {
    std::vector<float> angles(lattice_capacity + 1, -1.0f);
    for (std::uint64_t stream = 0; stream < 200; ++stream) {
        random_stream random(stream, "test");
        (void)draw_anomaly({}, random, angles.data());
    }
    CHECK(angles.back() == -1.0f);
    float low = 9, high = 0;
    for (std::size_t i = 0; i < angles.size() - 1; ++i) {
        low = std::min(low, angles[i]);
        high = std::max(high, angles[i]);
    }
    CHECK((low >= 0 && low < 0.1f));
    CHECK((high > 6.2f && high < 6.2832f));
}
