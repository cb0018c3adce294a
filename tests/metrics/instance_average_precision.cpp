#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/instance_average_precision.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace {

using floats = std::vector<float>;
using bytes = std::vector<std::uint8_t>;

// Of one picture that is one row, so that the instances are its runs.
pfad::metrics::instance_precision measure(const floats& scores, const bytes& mask) {
    const pfad::shape<3> dims = {{1, 1, static_cast<std::int64_t>(scores.size())}};
    const pfad::metrics::score_order order({scores.data(), dims}, {mask.data(), dims});
    pfad::metrics::instance_precision instances(order);
    order.sweep(instances);
    return instances;
}

// The precision at each instance's score, lowest score first, made non-decreasing.
std::vector<double> slow(const floats& scores, const bytes& mask) {
    std::vector<float> own;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (!mask[i] || (i > 0 && mask[i - 1]))
            continue;
        floats run;
        for (std::size_t j = i; j < mask.size() && mask[j]; ++j)
            run.push_back(scores[j]);
        std::sort(run.begin(), run.end(), std::greater<>());
        own.push_back(run[run.size() / 2]);
    }
    std::sort(own.begin(), own.end());
    std::vector<double> precision;
    for (const float t : own) {
        double found = 0, seen = 0;
        for (std::size_t i = 0; i < scores.size(); ++i)
            if (scores[i] >= t) {
                ++seen;
                found += mask[i] != 0;
            }
        precision.push_back(std::max(found / seen, precision.empty() ? 0 : precision.back()));
    }
    return precision;
}

} // namespace

TEST_CASE("iap: an instance is found with more than half of its pixels", "[metrics]") {
    // Two of four pixels are not enough: the instance's score is 1, where all six pixels count.
    CHECK(*measure({5, 5, 1, 1, 3, 2}, {1, 1, 1, 1, 0, 0}).value() == Approx(4.0 / 6));
    // Two of three are: the score is 5 and nothing normal scores as much.
    CHECK(measure({5, 5, 1, 3, 2}, {1, 1, 1, 0, 0}).value() == 1.0);
    // One of one.
    CHECK(*measure({5, 7, 1}, {1, 0, 0}).value() == Approx(0.5));
}

TEST_CASE("iap: a high instance lends its precision to none below, a low one to all above",
          "[metrics]") {
    // Scores 4 (precision 1/2) and 3 (precision 2/3): the higher threshold takes the better one.
    const auto instances = measure({4, 4, 3, 1}, {1, 0, 1, 0});
    CHECK(*instances.value() == Approx(2.0 / 3));
    // Scores 4 (precision 1) and 1 (precision 1/2).
    const auto falling = measure({4, 3, 1, 2}, {1, 0, 1, 0});
    CHECK(*falling.value() == Approx(0.75));
    CHECK(*falling.at_recall(0.9) == Approx(0.5));
    CHECK(*falling.at_recall(0.5) == Approx(1.0));
}

TEST_CASE("iap: a recall of exactly k is enough", "[metrics]") {
    // Ten instances of one pixel, the lowest below a normal pixel: nine of ten are found purely.
    floats scores;
    bytes mask;
    for (int i = 0; i < 10; ++i) {
        scores.insert(scores.end(), {i == 0 ? 1.0f : 10.0f + static_cast<float>(i), 0.0f});
        mask.insert(mask.end(), {1, 0});
    }
    scores[1] = 5;
    const auto instances = measure(scores, mask);
    CHECK(*instances.at_recall(0.9) == 1.0);
    CHECK(*instances.at_recall(0.95) == Approx(10.0 / 11));
    CHECK(*instances.at_recall(1.0) == Approx(10.0 / 11));
}

TEST_CASE("iap: agrees with the definition on noise", "[metrics]") {
    for (int seed = 0; seed < 60; ++seed) {
        pfad::random_stream draws(static_cast<std::uint64_t>(seed), "iap");
        floats scores(1 + draws.below(120));
        bytes mask(scores.size());
        for (std::size_t i = 0; i < scores.size(); ++i) {
            mask[i] = draws.uniform() < 0.5;
            scores[i] = static_cast<float>((seed % 2 ? draws.normal() : draws.below(6)) + mask[i]);
        }
        mask[0] = 1;
        const auto want = slow(scores, mask);
        const auto got = measure(scores, mask);
        double sum = 0;
        for (const double p : want)
            sum += p;
        const double count = static_cast<double>(want.size());
        CHECK(std::abs(*got.value() - sum / count) < 1e-14);
        for (const double k : {0.0, 0.25, 0.5, 0.9, 1.0}) {
            double at = want[0];
            for (std::size_t i = 0; i < want.size(); ++i)
                if (1 - static_cast<double>(i) / count >= k)
                    at = want[i];
            CHECK(*got.at_recall(k) == at);
        }
    }
}

TEST_CASE("iap: undefined without an instance", "[metrics]") {
    CHECK_FALSE(measure({1, 2}, {0, 0}).value());
    CHECK_FALSE(measure({1, 2}, {0, 0}).at_recall(0.9));
    CHECK_THROWS_AS(measure({1, 2}, {1, 0}).at_recall(1.1), pfad::error);
}
