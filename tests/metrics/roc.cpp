#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/roc.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace {

using pfad::metrics::auroc;
using labels = std::vector<std::uint8_t>;
using scores = std::vector<double>;

// The definition: over all pairs of one anomalous and one normal.
double pairs(const scores& s, const labels& l) {
    double won = 0, count = 0;
    for (std::size_t i = 0; i < s.size(); ++i)
        for (std::size_t j = 0; j < s.size(); ++j)
            if (l[i] && !l[j]) {
                won += s[i] > s[j] ? 1 : s[i] == s[j] ? 0.5 : 0;
                ++count;
            }
    return won / count;
}

} // namespace

TEST_CASE("roc: perfect, reversed and tied scores", "[metrics]") {
    CHECK(auroc(scores{1, 2, 3, 4}, labels{0, 0, 1, 1}) == 1.0);
    CHECK(auroc(scores{4, 3, 2, 1}, labels{0, 0, 1, 1}) == 0.0);
    CHECK(auroc(scores{5, 5, 5, 5}, labels{0, 0, 1, 1}) == 0.5);
    CHECK(auroc(scores{1, 2, 2, 3}, labels{0, 0, 1, 1}) == 0.875);
}

TEST_CASE("roc: agrees with counting pairs", "[metrics]") {
    for (int seed = 0; seed < 30; ++seed) {
        pfad::random_stream draws(static_cast<std::uint64_t>(seed), "roc");
        scores s(2 + draws.below(60));
        labels l(s.size());
        for (std::size_t i = 0; i < s.size(); ++i) {
            s[i] = seed % 2 ? draws.normal() : draws.below(5);
            l[i] = draws.uniform() < 0.4;
        }
        l[0] = 0;
        l[1] = 3; // anything but zero is anomalous
        const auto got = auroc(s, l);
        REQUIRE(got);
        CHECK(std::abs(*got - pairs(s, l)) < 1e-14);
        for (double& value : s)
            value = std::exp(value) - 7;
        CHECK(auroc(s, l) == got);
    }
}

TEST_CASE("roc: one kind alone has no curve", "[metrics]") {
    CHECK_FALSE(auroc(scores{1, 2}, labels{1, 1}));
    CHECK_FALSE(auroc(scores{1, 2}, labels{0, 0}));
    CHECK_FALSE(auroc(scores{}, labels{}));
}

TEST_CASE("roc: NaN and missing labels are errors", "[metrics]") {
    CHECK_THROWS_AS(auroc(scores{1, std::nan("")}, labels{0, 1}), pfad::error);
    CHECK_THROWS_AS(auroc(scores{1, 2}, labels{0}), pfad::error);
}
