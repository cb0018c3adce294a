#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/average_precision.hpp>

#include <cmath>
#include <optional>
#include <set>
#include <vector>

namespace {

std::optional<double> measure(const std::vector<float>& scores,
                              const std::vector<std::uint8_t>& mask) {
    const pfad::shape<3> dims = {{1, 1, static_cast<std::int64_t>(scores.size())}};
    const pfad::metrics::score_order order({scores.data(), dims}, {mask.data(), dims});
    pfad::metrics::average_precision precision;
    order.sweep(precision);
    return precision.value();
}

// Precision and recall counted afresh at each threshold.
double counted(const std::vector<float>& scores, const std::vector<std::uint8_t>& mask) {
    const std::set<float, std::greater<>> thresholds(scores.begin(), scores.end());
    double sum = 0, before = 0, all = 0;
    for (const auto m : mask)
        all += m != 0;
    for (const float t : thresholds) {
        double found = 0, seen = 0;
        for (std::size_t i = 0; i < scores.size(); ++i)
            if (scores[i] >= t) {
                ++seen;
                found += mask[i] != 0;
            }
        sum += (found - before) / all * (found / seen);
        before = found;
    }
    return sum;
}

} // namespace

TEST_CASE("average_precision: worked by hand", "[metrics]") {
    CHECK(measure({4, 3, 2, 1}, {1, 1, 0, 0}) == 1.0);
    CHECK(*measure({4, 3, 2, 1}, {1, 0, 1, 0}) == Approx((1.0 + 2.0 / 3) / 2));
    CHECK(*measure({2, 2, 1, 1}, {1, 0, 1, 0}) == Approx(0.5));
    CHECK(*measure({1, 1, 1, 1}, {1, 0, 0, 0}) == Approx(0.25));
}

TEST_CASE("average_precision: agrees with counting at every threshold", "[metrics]") {
    for (int seed = 0; seed < 30; ++seed) {
        pfad::random_stream draws(static_cast<std::uint64_t>(seed), "ap");
        std::vector<float> scores(1 + draws.below(80));
        std::vector<std::uint8_t> mask(scores.size());
        for (std::size_t i = 0; i < scores.size(); ++i) {
            scores[i] = static_cast<float>(seed % 2 ? draws.normal() : draws.below(6));
            mask[i] = draws.uniform() < 0.3;
        }
        mask[0] = 1;
        CHECK(std::abs(*measure(scores, mask) - counted(scores, mask)) < 1e-14);
    }
}

TEST_CASE("average_precision: undefined without an anomalous pixel", "[metrics]") {
    CHECK_FALSE(measure({1, 2, 3}, {0, 0, 0}));
    CHECK(measure({1, 2, 3}, {1, 1, 1}) == 1.0);
}
