#include "support/catch.hpp"

#include <pfad/core/random.hpp>
#include <pfad/cpu/context.hpp>

#include <algorithm>

using namespace pfad;

TEST_CASE("random: within its range, the same for a seed and another for another", "[core]") {
    cpu::context ctx(1);
    const shape<2> dims = {{30, 40}};
    const auto a = random<float>(ctx, dims, 1, -2, 3), again = random<float>(ctx, dims, 1, -2, 3);
    const auto other = random<float>(ctx, dims, 2, -2, 3);
    REQUIRE(a.dims() == dims);
    const auto [low, high] = std::minmax_element(a.data(), a.data() + a.size());
    CHECK((*low >= -2 && *low < -1.9f));
    CHECK((*high < 3 && *high > 2.9f));
    CHECK(std::equal(a.data(), a.data() + a.size(), again.data()));
    CHECK_FALSE(std::equal(a.data(), a.data() + a.size(), other.data()));
}
