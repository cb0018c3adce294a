#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/ops/top_k_mean.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

using namespace pfad::test;

namespace {

template <class T>
std::vector<T> noise(std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    pfad::random_stream draws(9, "map");
    std::generate(values.begin(), values.end(), [&] { return element<T>(draws.normal()); });
    return values;
}

/// A tensor of given elements.
template <class T, class Context>
auto filled(Context& ctx, const pfad::shape<4>& dims, const std::vector<T>& values) {
    const auto map = pfad::empty<T>(ctx, dims);
    write_elements(ctx, map, values);
    return map;
}

template <class T, class Context>
void check_highest(Context& ctx, const pfad::shape<4>& dims, const std::vector<T>& values, int k) {
    CAPTURE(sizeof(T), k);
    const auto score = read_elements(ctx, pfad::top_k_mean(ctx, filled(ctx, dims, values), k));
    REQUIRE(static_cast<std::int64_t>(score.size()) == dims[0]);
    const std::ptrdiff_t pixels = dims[1] * dims[2];
    for (std::ptrdiff_t n = 0; n < dims[0]; ++n) {
        std::vector<double> sorted(values.begin() + n * pixels, values.begin() + (n + 1) * pixels);
        std::sort(sorted.begin(), sorted.end(), std::greater<>());
        const double want = std::accumulate(sorted.begin(), sorted.begin() + k, 0.0) / k;
        CHECK(std::abs(static_cast<double>(score[static_cast<std::size_t>(n)]) - want) <=
              tolerance<T>(0, std::abs(want)));
    }
}

} // namespace

TEMPLATE_LIST_TEST_CASE("top_k_mean: is the mean of the highest pixels", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    for (const int k : {1, 2, 99, 100}) {
        for_each_element<TestType>([&](auto of) {
            check_highest(ctx, {{3, 13, 17, 1}}, noise<decltype(of)>(3 * 221), k);
        });
        check_highest(ctx, {{3, 13, 17, 1}}, noise<double>(3 * 221), k);
    }
    for_each_element<TestType>([&](auto of) {
        check_highest(ctx, {{2, 1, 1, 1}}, noise<decltype(of)>(2), 1);
    });
    // Many of one value, among them the k-th highest, of both signs; and more than fit in a block.
    auto coarse = noise<float>(2 * 48 * 48);
    for (float& value : coarse)
        value = std::round(4 * value) / 4;
    for_each_element<TestType>([&](auto of) {
        std::vector<decltype(of)> values(coarse.size());
        std::transform(coarse.begin(), coarse.end(), values.begin(), element<decltype(of)>);
        for (const int k : {100, 1500})
            check_highest(ctx, {{2, 48, 48, 1}}, values, k);
    });
    // Few bits each, so that sums of so many are exact in any order.
    auto fine = noise<double>(2 * 48 * 48);
    for (double& value : fine)
        value = std::round(0x1p20 * value) / 0x1p20;
    check_highest(ctx, {{2, 48, 48, 1}}, fine, 2100);
}

TEMPLATE_LIST_TEST_CASE("top_k_mean: fewer pixels than k give the mean of all", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const auto map = filled<double>(ctx, {{1, 1, 3, 1}}, {1, 5, -3});
    CHECK(read_elements(ctx, pfad::top_k_mean(ctx, map, 100))[0] == 1.0);
    CHECK(read_elements(ctx, pfad::top_k_mean(ctx, map, 3))[0] == 1.0);
    CHECK(read_elements(ctx, pfad::top_k_mean(ctx, map, 2))[0] == 3.0);
}

TEMPLATE_LIST_TEST_CASE("top_k_mean: the order of the pixels and the threads do not change a bit",
                        "[ops]",
                        backends) {
    auto values = noise<float>(4 * 2000);
    std::vector<float> first;
    for_each_schedule<TestType>([&](TestType& ctx) {
        const auto map = filled(ctx, {{4, 40, 50, 1}}, values);
        const auto score = read_elements(ctx, pfad::top_k_mean(ctx, map, 100));
        if (first.empty())
            first = score;
        CHECK(score == first);
        for (std::ptrdiff_t n = 0; n < 4; ++n)
            std::reverse(values.begin() + n * 2000, values.begin() + (n + 1) * 2000);
    });
}

TEMPLATE_LIST_TEST_CASE("top_k_mean: a NaN is an error, or on a GPU its map's score",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto values = noise<float>(3 * 35);
    values[40] = std::numeric_limits<float>::quiet_NaN();
    const auto map = filled(ctx, {{3, 5, 7, 1}}, values);
    if constexpr (on_host<TestType>) {
        CHECK_THROWS_AS(pfad::top_k_mean(ctx, map, 1), pfad::error);
    } else {
        const auto score = read_elements(ctx, pfad::top_k_mean(ctx, map, 1));
        CHECK(score[0] == *std::max_element(values.begin(), values.begin() + 35));
        CHECK(std::isnan(score[1]));
        CHECK(score[2] == *std::max_element(values.begin() + 70, values.end()));
    }
}

TEST_CASE("top_k_mean: broken contracts are errors", "[ops]") {
    pfad::cpu::context ctx(1);
    const auto map = filled(ctx, {{2, 3, 3, 1}}, noise<float>(18));
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, map, 0), pfad::error);
    const auto two = filled(ctx, {{2, 3, 3, 2}}, noise<float>(36));
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, two, 1), pfad::error);
    CHECK_THROWS_AS(pfad::top_k_mean(ctx, pfad::empty<float>(ctx, pfad::shape<4>{{2, 0, 3, 1}}), 1),
                    pfad::error);
}
