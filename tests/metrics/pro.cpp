#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/pro.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

namespace {

using floats = std::vector<float>;
using bytes = std::vector<std::uint8_t>;

// Pictures of one row.
std::optional<double>
measure(const floats& scores, const bytes& mask, double limit, std::int64_t pictures = 1) {
    const pfad::shape<3> dims = {
        {pictures, 1, static_cast<std::int64_t>(scores.size()) / pictures}};
    const pfad::metrics::score_order order({scores.data(), dims}, {mask.data(), dims});
    pfad::metrics::region_overlap_area area(order, limit);
    order.sweep(area);
    return area.value();
}

// Regions of a row are its runs; the curve is made point by point and integrated in small steps.
double slow(const floats& scores, const bytes& mask, double limit) {
    std::vector<std::pair<std::size_t, std::size_t>> runs;
    double normal = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        normal += !mask[i];
        if (mask[i] && (i == 0 || !mask[i - 1]))
            runs.push_back({i, i});
        if (mask[i])
            runs.back().second = i + 1;
    }
    std::vector<double> rate = {0}, overlap = {0};
    for (const float t : std::set<float, std::greater<>>(scores.begin(), scores.end())) {
        double flagged = 0, share = 0;
        for (std::size_t i = 0; i < mask.size(); ++i)
            flagged += !mask[i] && scores[i] >= t;
        for (const auto& run : runs) {
            double found = 0;
            for (std::size_t i = run.first; i < run.second; ++i)
                found += scores[i] >= t;
            share += found / static_cast<double>(run.second - run.first);
        }
        rate.push_back(flagged / normal);
        overlap.push_back(share / static_cast<double>(runs.size()));
    }
    double area = 0;
    for (std::size_t i = 1; i < rate.size(); ++i) {
        if (rate[i - 1] >= limit || rate[i] == rate[i - 1])
            continue;
        const double end = std::min(limit, rate[i]);
        const double slope = (overlap[i] - overlap[i - 1]) / (rate[i] - rate[i - 1]);
        const double at_end = overlap[i - 1] + slope * (end - rate[i - 1]);
        area += (end - rate[i - 1]) * (overlap[i - 1] + at_end) / 2;
    }
    return area / limit;
}

} // namespace

TEST_CASE("pro: regions count alike whatever their size", "[metrics]") {
    // The single pixel is found at once, the run of four never below a rate of 1.
    const floats scores = {9, 5, 0, 0, 0, 0, 5, 5, 5};
    const bytes mask = {1, 0, 1, 1, 1, 1, 0, 0, 0};
    CHECK(*measure(scores, mask, 1.0) == Approx(0.5));
}

TEST_CASE("pro: the last trapezoid is cut at the limit", "[metrics]") {
    // One step from (0, 0.5) to (0.5, 1): at 0.25 the overlap is 0.75.
    const floats scores = {3, 2, 2, 1};
    const bytes mask = {1, 1, 0, 0};
    CHECK(*measure(scores, mask, 0.25) == Approx((0.5 + 0.75) / 2));
    CHECK(*measure(scores, mask, 0.5) == Approx(0.75));
    CHECK(*measure(scores, mask, 1.0) == Approx(0.875));
}

TEST_CASE("pro: a perfect map scores one, a constant map half the limit", "[metrics]") {
    CHECK(*measure({2, 2, 1, 1}, {1, 1, 0, 0}, 0.3) == Approx(1.0));
    CHECK(*measure({1, 1, 1, 1}, {1, 1, 0, 0}, 0.3) == Approx(0.15));
}

TEST_CASE("pro: agrees with a curve made point by point", "[metrics]") {
    for (int seed = 0; seed < 40; ++seed) {
        pfad::random_stream draws(static_cast<std::uint64_t>(seed), "pro");
        floats scores(3 + draws.below(60));
        bytes mask(scores.size());
        for (std::size_t i = 0; i < scores.size(); ++i) {
            scores[i] = static_cast<float>(seed % 2 ? draws.normal() : draws.below(6));
            mask[i] = draws.uniform() < 0.5;
        }
        mask[0] = 1;
        mask[1] = 0;
        const double limit = seed % 3 ? 0.3 : draws.uniform(0.01, 1);
        CHECK(std::abs(*measure(scores, mask, limit) - slow(scores, mask, limit)) < 1e-12);
    }
}

TEST_CASE("pro: undefined without a region or a normal pixel", "[metrics]") {
    CHECK_FALSE(measure({1, 2}, {0, 0}, 0.3));
    CHECK_FALSE(measure({1, 2}, {1, 1}, 0.3));
    CHECK_THROWS_AS(measure({1, 2}, {1, 0}, 0.0), pfad::error);
    CHECK_THROWS_AS(measure({1, 2}, {1, 0}, 1.5), pfad::error);
}
