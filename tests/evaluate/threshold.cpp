#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/evaluate/threshold.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("threshold: three deviations above the mean of good scores", "[evaluate]") {
    // Mean 0.3, deviation 0.1.
    CHECK(threshold_of_good({0.2, 0.4, 0.2, 0.4}) == Approx(0.6));
    CHECK(threshold_of_good({0.25}) == Approx(0.25));
}

TEST_CASE("threshold: not below the highest good score", "[evaluate]") {
    std::vector<double> scores(99, 0.1);
    scores.push_back(0.9); // mean 0.108, deviation 0.0796
    CHECK(threshold_of_good(scores) == 0.9);
}

TEST_CASE("threshold: stays in (0, 1]", "[evaluate]") {
    CHECK(threshold_of_good({0, 0}) > 0);
    CHECK(threshold_of_good({0, 1}) == 1);
    CHECK(threshold_of_false_alarms({0, 0}, 0) > 0);
    CHECK(threshold_of_best_f1({0, 0}, {0, 0}) > 0);
    CHECK(threshold_of_best_f1({0.25}, {1}) == 0.625);
}

TEST_CASE("threshold: no score and scores that are not finite are refused", "[evaluate]") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(threshold_of_good({}), error);
    CHECK_THROWS_AS(threshold_of_good({0.5, nan}), error);
    CHECK_THROWS_AS(threshold_of_false_alarms({}, 0.1), error);
    CHECK_THROWS_AS(threshold_of_false_alarms({nan}, 0.1), error);
    CHECK_THROWS_AS(threshold_of_best_f1({0.5}, {}), error);
    CHECK_THROWS_AS(threshold_of_best_f1({}, {0.5}), error);
    CHECK_THROWS_AS(threshold_of_best_f1({0.5}, {nan}), error);
}

TEST_CASE("threshold: a rate of false alarms is kept, and no lower threshold keeps it",
          "[evaluate]") {
    std::vector<double> scores;
    for (int i = 0; i < 100; ++i)
        scores.push_back(static_cast<double>(static_cast<float>((i * 37 % 100 + 1) / 128.0)));
    for (const int allowed : {0, 1, 7, 29, 57, 99}) {
        const double threshold = threshold_of_false_alarms(scores, allowed / 100.0);
        CHECK(defects_from(threshold, scores) == static_cast<std::size_t>(allowed));
        const double lower =
            static_cast<double>(std::nextafter(static_cast<float>(threshold), 0.0f));
        CHECK(defects_from(lower, scores) == static_cast<std::size_t>(allowed) + 1);
    }
}

TEST_CASE("threshold: equal scores are false alarms together or not at all", "[evaluate]") {
    const std::vector<double> scores = {0.5, 0.5, 0.5, 0.25};
    CHECK(defects_from(threshold_of_false_alarms(scores, 0.5), scores) == 0);
    CHECK(defects_from(threshold_of_false_alarms(scores, 0.75), scores) == 3);
}

TEST_CASE("threshold: a rate that is out of range or cannot be kept is refused", "[evaluate]") {
    CHECK_THROWS_AS(threshold_of_false_alarms({0.5}, 1), error);
    CHECK_THROWS_AS(threshold_of_false_alarms({0.5}, -0.1), error);
    CHECK_THROWS_AS(threshold_of_false_alarms({1, 1}, 0.5), error);
}

TEST_CASE("threshold: the best F1 is half-way between what it separates", "[evaluate]") {
    CHECK(threshold_of_best_f1({0.125, 0.25}, {0.75, 1}) == 0.5);
    // One bad picture is below the highest good one: F1 is 0.8 at 0.5625, 6 / 7 at 0.375.
    const std::vector<double> good = {0.125, 0.25, 0.5}, bad = {0.5 - 0.0625, 0.625, 0.75};
    CHECK(f1_of(0.5625, good, bad) == Approx(0.8));
    CHECK(threshold_of_best_f1(good, bad) == (0.25 + 0.4375) / 2);
    CHECK(f1_of((0.25 + 0.4375) / 2, good, bad) == Approx(6.0 / 7));
}

TEST_CASE("threshold: of several with the best F1 the lowest", "[evaluate]") {
    // 0.6875: one hit of two, no false alarm, 2 / 3. 0.25: two hits, two false alarms, 2 / 3.
    const std::vector<double> good = {0.5, 0.5}, bad = {0.25, 0.875};
    CHECK(f1_of(0.6875, good, bad) == Approx(f1_of(0.25, good, bad)));
    CHECK(threshold_of_best_f1(good, bad) == 0.25);
}

TEST_CASE("threshold: another range has its own ends", "[evaluate]") {
    const score_range range{1e-30, 8, false};
    CHECK(threshold_of_good({1e-9, 3e-9}, range) == Approx(5e-9).epsilon(1e-6));
    CHECK(threshold_of_good({0, 0}, range) == 1e-30);
    CHECK(threshold_of_good({7, 9}, range) == 8);
    CHECK(threshold_of_false_alarms({1e-9, 3e-9}, 0.5, range) == Approx(1e-9).epsilon(1e-6));
    CHECK(threshold_of_false_alarms({1.5, 1}, 0, range) > 1.5);
    CHECK(threshold_of_best_f1({1e-9}, {3e-9}, range) == Approx(2e-9));
}

TEST_CASE("threshold: how many pictures show a rate", "[evaluate]") {
    CHECK(pictures_for_limit(0.01) == 299);
    CHECK(pictures_for_limit(0.05) == 59);
    CHECK(pictures_for_limit(0.5, 0.75) == 2); // 1 - 0.5^2 exactly
    for (const double rate : {0.3, 0.02, 0.004}) {
        const auto n = pictures_for_limit(rate);
        CHECK(false_alarm_limit(0, n) <= rate);
        CHECK(false_alarm_limit(0, n - 1) > rate);
    }
    CHECK(error_code([] { static_cast<void>(pictures_for_limit(0)); }) == errc::value);
    CHECK(error_code([] { static_cast<void>(pictures_for_limit(1)); }) == errc::value);
}

TEST_CASE("threshold: the limit of false alarms is Clopper and Pearson's", "[evaluate]") {
    // None of n: 1 - 0.05^(1/n).
    for (const std::size_t n : {1, 7, 35, 59, 299, 3000})
        CHECK(false_alarm_limit(0, n) ==
              Approx(1 - std::pow(0.05, 1 / static_cast<double>(n))).epsilon(1e-9));
    CHECK(false_alarm_limit(0, 299) < 0.01);
    CHECK(false_alarm_limit(0, 298) > 0.01);
    // From tables of the beta distribution: quantiles of Beta(k + 1, n - k).
    CHECK(false_alarm_limit(1, 10) == Approx(0.394163).epsilon(1e-5));
    CHECK(false_alarm_limit(5, 100) == Approx(0.102253).epsilon(1e-4));
    CHECK(false_alarm_limit(2, 50, 0.9) == Approx(0.102957).epsilon(1e-3));
    CHECK(false_alarm_limit(4, 4) == 1);
    double before = 0;
    for (std::size_t k = 0; k <= 20; ++k) {
        const double limit = false_alarm_limit(k, 20);
        CHECK(limit > before);
        CHECK(limit >= static_cast<double>(k) / 20);
        before = limit;
    }
    CHECK(error_code([] { static_cast<void>(false_alarm_limit(0, 0)); }) == errc::value);
    CHECK(error_code([] { static_cast<void>(false_alarm_limit(3, 2)); }) == errc::value);
    CHECK(error_code([] { static_cast<void>(false_alarm_limit(0, 5, 1)); }) == errc::value);
}
