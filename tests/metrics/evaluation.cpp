#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace {

using pfad::metrics::evaluate_maps;
using pfad::metrics::metrics_result;

struct test_set {
    std::int64_t pictures = 6, height = 20, width = 24;
    std::vector<float> scores;
    std::vector<std::uint8_t> masks;
    std::vector<double> image_scores;
    std::vector<std::uint8_t> labels;

    [[nodiscard]] metrics_result evaluate() const {
        const pfad::shape<3> dims = {{pictures, height, width}};
        return evaluate_maps({scores.data(), dims}, {masks.data(), dims}, image_scores, labels);
    }
};

// Pictures from `good` on have one or two defects; scores are a little higher there.
test_set make_set(std::uint64_t seed, std::int64_t good = 2) {
    test_set set;
    const std::size_t area = static_cast<std::size_t>(set.height * set.width);
    for (std::int64_t n = 0; n < set.pictures; ++n) {
        pfad::random_stream draws(seed, "set", 0, static_cast<std::uint64_t>(n));
        std::vector<std::uint8_t> mask(area);
        const std::uint32_t defects = n < good ? 0 : 1 + draws.below(2);
        for (std::uint32_t d = 0; d < defects; ++d) {
            const std::uint32_t top = draws.below(14), left = draws.below(16);
            const std::uint32_t size = 1 + draws.below(6);
            for (std::uint32_t y = top; y < top + size; ++y)
                std::fill_n(mask.begin() + y * set.width + left, size, std::uint8_t(1));
        }
        for (std::size_t i = 0; i < area; ++i)
            set.scores.push_back(static_cast<float>(draws.below(256)) / 256 +
                                 (mask[i] ? 0.25f : 0.0f));
        set.masks.insert(set.masks.end(), mask.begin(), mask.end());
        set.image_scores.push_back(draws.uniform() + (n < good ? 0 : 0.3));
        set.labels.push_back(n >= good);
    }
    return set;
}

void same(const metrics_result& a, const metrics_result& b) {
    CHECK(*a.image_auroc == Approx(*b.image_auroc).epsilon(1e-13));
    CHECK(*a.pixel_auroc == Approx(*b.pixel_auroc).epsilon(1e-13));
    CHECK(*a.pixel_ap == Approx(*b.pixel_ap).epsilon(1e-13));
    CHECK(*a.aupro == Approx(*b.aupro).epsilon(1e-13));
    CHECK(*a.iap == Approx(*b.iap).epsilon(1e-13));
    CHECK(*a.iap90 == Approx(*b.iap90).epsilon(1e-13));
    CHECK(a.instances == b.instances);
}

} // namespace

TEST_CASE("evaluation: two pictures worked by hand", "[metrics]") {
    test_set set;
    set.pictures = 2;
    set.height = 1;
    set.width = 4;
    set.scores = {0.9f, 0.8f, 0.1f, 0.2f, 0.3f, 0.85f, 0.1f, 0.2f};
    set.masks = {1, 1, 0, 0, 0, 0, 0, 0};
    set.image_scores = {0.9, 0.85};
    set.labels = {1, 0};
    const auto result = set.evaluate();
    CHECK(*result.image_auroc == 1.0);
    CHECK(*result.pixel_auroc == Approx(11.0 / 12));
    CHECK(*result.pixel_ap == Approx((1.0 + 2.0 / 3) / 2));
    // (0, 1/2) to (1/6, 1/2), up to (1/6, 1), on to the limit.
    CHECK(*result.aupro == Approx((0.5 / 6 + (0.3 - 1.0 / 6)) / 0.3));
    CHECK(*result.iap == Approx(2.0 / 3));
    CHECK(*result.iap90 == Approx(2.0 / 3));
    CHECK(result.good == 1);
    CHECK(result.anomalous == 1);
    CHECK(result.instances == 1);
    CHECK(result.reason.empty());
}

TEST_CASE("evaluation: a map that equals the mask is perfect", "[metrics]") {
    auto set = make_set(1);
    set.image_scores.assign(set.labels.begin(), set.labels.end());
    set.scores.assign(set.masks.begin(), set.masks.end());
    const auto result = set.evaluate();
    for (const auto& m : pfad::metrics::list)
        CHECK(*(result.*m.value) == Approx(1.0).epsilon(1e-14));
}

TEST_CASE("evaluation: only the order of the scores matters", "[metrics]") {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        auto set = make_set(seed);
        const auto before = set.evaluate();
        for (float& score : set.scores)
            score = std::exp(4 * score) - 20;
        for (double& score : set.image_scores)
            score = -1 / (score + 1);
        same(set.evaluate(), before);
    }
}

TEST_CASE("evaluation: the order of the pictures and mirroring do not matter", "[metrics]") {
    auto set = make_set(3);
    const auto before = set.evaluate();
    // Reversing everything reverses the pictures and turns each by half a turn.
    std::reverse(set.scores.begin(), set.scores.end());
    std::reverse(set.masks.begin(), set.masks.end());
    std::reverse(set.image_scores.begin(), set.image_scores.end());
    std::reverse(set.labels.begin(), set.labels.end());
    same(set.evaluate(), before);
}

TEST_CASE("evaluation: scores without a difference are chance", "[metrics]") {
    auto set = make_set(4);
    std::fill(set.scores.begin(), set.scores.end(), 0.5f);
    std::fill(set.image_scores.begin(), set.image_scores.end(), 0.5);
    const auto result = set.evaluate();
    const double share = std::accumulate(set.masks.begin(), set.masks.end(), 0.0) /
                         static_cast<double>(set.masks.size());
    CHECK(*result.image_auroc == 0.5);
    CHECK(*result.pixel_auroc == 0.5);
    CHECK(*result.pixel_ap == Approx(share));
    CHECK(*result.aupro == Approx(0.15));
    CHECK(*result.iap == Approx(share));
    CHECK(*result.iap90 == Approx(share));
}

TEST_CASE("evaluation: what is undefined has no number and a reason", "[metrics]") {
    const auto all_good = make_set(5, 6).evaluate();
    CHECK(all_good.anomalous == 0);
    for (const auto& m : pfad::metrics::list)
        CHECK_FALSE(all_good.*m.value);
    CHECK(all_good.reason.find("no anomalous test pictures") != std::string::npos);

    const auto none_good = make_set(5, 0).evaluate();
    CHECK_FALSE(none_good.image_auroc);
    CHECK(none_good.pixel_auroc);
    CHECK(none_good.iap90);
    CHECK(none_good.reason == "There are no good test pictures: image AUROC is undefined.");

    const auto nothing = evaluate_maps({nullptr, {{0, 8, 8}}}, {nullptr, {{0, 8, 8}}}, {}, {});
    CHECK_FALSE(nothing.image_auroc);
    CHECK(nothing.reason.find("no test pictures") != std::string::npos);

    auto vanished = make_set(5);
    std::fill(vanished.masks.begin(), vanished.masks.end(), std::uint8_t(0));
    CHECK(vanished.evaluate().image_auroc);
    CHECK_FALSE(vanished.evaluate().aupro);
}

TEST_CASE("evaluation: bad input is an error", "[metrics]") {
    auto set = make_set(6);
    set.scores[100] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(set.evaluate(), pfad::error);
    set = make_set(6);
    set.image_scores[0] = std::nan("");
    CHECK_THROWS_AS(set.evaluate(), pfad::error);
    set = make_set(6);
    set.labels.pop_back();
    CHECK_THROWS_AS(set.evaluate(), pfad::error);
}
