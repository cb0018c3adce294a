#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/ops/top_k_mean.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

namespace {

template <class T>
pfad::tensor<T, 4> noise(pfad::cpu::context& ctx, const pfad::shape<4>& dims) {
    const auto map = pfad::empty<T>(ctx, dims);
    pfad::random_stream draws(9, "map");
    std::generate_n(map.data(), map.size(), [&] { return static_cast<T>(draws.normal()); });
    return map;
}

} // namespace

TEMPLATE_TEST_CASE("top_k_mean: is the mean of the highest pixels [ops]", "", float, double) {
    pfad::cpu::context ctx(2);
    for (const int k : {1, 2, 99, 100}) {
        const auto map = noise<TestType>(ctx, {{3, 13, 17, 1}});
        const auto score = pfad::top_k_mean(ctx, map, k);
        REQUIRE(score.size() == 3);
        for (std::int64_t n = 0; n < 3; ++n) {
            std::vector<double> sorted(map.data() + n * 221, map.data() + (n + 1) * 221);
            std::sort(sorted.begin(), sorted.end(), std::greater<>());
            const double want = std::accumulate(sorted.begin(), sorted.begin() + k, 0.0) / k;
            const double u = std::numeric_limits<TestType>::epsilon();
            CHECK(std::abs(static_cast<double>(score.data()[n]) - want) <= 4 * u * std::abs(want));
        }
    }
}

TEST_CASE("top_k_mean: fewer pixels than k give the mean of all [ops]") {
    pfad::cpu::context ctx(1);
    const auto map = pfad::empty<double>(ctx, pfad::shape<4>{{1, 1, 3, 1}});
    map.data()[0] = 1;
    map.data()[1] = 5;
    map.data()[2] = -3;
    CHECK(pfad::top_k_mean(ctx, map, 100).data()[0] == 1.0);
    CHECK(pfad::top_k_mean(ctx, map, 3).data()[0] == 1.0);
    CHECK(pfad::top_k_mean(ctx, map, 2).data()[0] == 3.0);
}

TEST_CASE("top_k_mean: the order of the pixels and the threads do not change a bit [ops]") {
    pfad::cpu::context one(1), four(4);
    const auto map = noise<float>(one, {{4, 40, 50, 1}});
    const auto before = pfad::top_k_mean(one, map, 100);
    for (std::int64_t n = 0; n < 4; ++n)
        std::reverse(map.data() + n * 2000, map.data() + (n + 1) * 2000);
    const auto after = pfad::top_k_mean(four, map, 100);
    CHECK(std::equal(before.data(), before.data() + 4, after.data()));
}

TEST_CASE("top_k_mean: broken contracts are errors [ops]") {
    pfad::cpu::context ctx(1);
    const auto map = noise<float>(ctx, {{2, 3, 3, 1}});
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, map, 0), pfad::error);
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, noise<float>(ctx, {{2, 3, 3, 2}}), 1), pfad::error);
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, noise<float>(ctx, {{2, 0, 3, 1}}), 1), pfad::error);
    map.data()[12] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, map, 1), pfad::error);
}
