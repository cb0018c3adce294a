#include "support/catch.hpp"

#include <pfad/train/evaluator.hpp>

#include <cmath>
#include <limits>

using namespace pfad;

TEST_CASE("evaluator: the threshold is three deviations above the mean of good scores [train]") {
    // Mean 0.3, deviation 0.1.
    CHECK(train::threshold_of_good({0.2, 0.4, 0.2, 0.4}) == Approx(0.6));
    CHECK(train::threshold_of_good({0.25}) == Approx(0.25));
}

TEST_CASE("evaluator: the threshold is not below the highest good score [train]") {
    std::vector<double> scores(99, 0.1);
    scores.push_back(0.9); // mean 0.108, deviation 0.0796
    CHECK(train::threshold_of_good(scores) == 0.9);
}

TEST_CASE("evaluator: the threshold stays in (0, 1] [train]") {
    CHECK(train::threshold_of_good({0, 0}) > 0);
    CHECK(train::threshold_of_good({0, 1}) == 1);
}

TEST_CASE("evaluator: no score and scores that are not finite are refused [train]") {
    CHECK_THROWS_AS(train::threshold_of_good({}), error);
    CHECK_THROWS_AS(train::threshold_of_good({0.5, std::numeric_limits<double>::quiet_NaN()}),
                    error);
}
