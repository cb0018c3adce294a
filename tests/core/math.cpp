#include "support/catch.hpp"

#include <pfad/core/math.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace pfad;

TEST_CASE("math::exp: float, relative error below 1.2e-7", "[core]") {
    double worst = 0;
    for (int i = -87000; i <= 87000; ++i) {
        const float x = static_cast<float>(i) * 1e-3f;
        const double want = std::exp(static_cast<double>(x));
        worst = std::max(worst, std::abs(static_cast<double>(math::exp(x)) / want - 1));
    }
    CHECK(worst < 1.2e-7);
    CHECK(math::exp(0.0f) == 1);
}

TEST_CASE("math::exp: float saturates without overflow", "[core]") {
    CHECK(std::isfinite(math::exp(1000.0f)));
    CHECK(math::exp(1000.0f) > 2e38f);
    CHECK(math::exp(-1000.0f) >= 0);
    CHECK(math::exp(-1000.0f) < 2e-38f);
}

TEST_CASE("math::exp: float keeps a NaN and bounds infinities", "[core]") {
    CHECK(std::isnan(math::exp(std::numeric_limits<float>::quiet_NaN())));
    CHECK(std::isnan(math::exp(-std::numeric_limits<float>::quiet_NaN())));
    CHECK(math::exp(std::numeric_limits<float>::infinity()) == math::exp(88.7f));
    CHECK(math::exp(-std::numeric_limits<float>::infinity()) == math::exp(-87.3f));
}

TEST_CASE("math::erf: float, absolute error below 3e-7, odd", "[core]") {
    double worst = 0;
    for (int i = 0; i <= 60000; ++i) {
        const float x = static_cast<float>(i) * 1e-4f;
        worst = std::max(
            worst, std::abs(static_cast<double>(math::erf(x)) - std::erf(static_cast<double>(x))));
        CHECK(math::erf(-x) == -math::erf(x));
    }
    CHECK(worst < 3e-7);
    CHECK(math::erf(std::numeric_limits<float>::infinity()) == 1);
    CHECK(math::erf(1e30f) == 1);
    CHECK(std::isnan(math::erf(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("math::sigmoid: symmetric and in [0, 1]", "[core]") {
    for (const double x : {0.0, 0.5, 3.0, 20.0, 700.0}) {
        CHECK(math::sigmoid(x) + math::sigmoid(-x) == Approx(1).epsilon(1e-15));
        CHECK(math::sigmoid(x) == Approx(1 / (1 + std::exp(-x))).epsilon(1e-15));
    }
    CHECK(math::sigmoid(-1e30f) >= 0);
    CHECK(math::sigmoid(1e30f) == 1);
}

TEST_CASE("math::softplus: neither overflows nor cancels", "[core]") {
    CHECK(math::softplus(0.0) == Approx(std::log(2.0)).epsilon(1e-15));
    CHECK(math::softplus(1000.0) == 1000);
    CHECK(math::softplus(-40.0) == Approx(std::exp(-40.0)).epsilon(1e-14));
    CHECK(math::softplus(2.0) == Approx(std::log(1 + std::exp(2.0))).epsilon(1e-14));
}

TEST_CASE("math: the density is the slope of the distribution", "[core]") {
    CHECK(math::normal_cdf(0.0) == 0.5);
    CHECK(math::normal_cdf(1.96) == Approx(0.9750021048517795).epsilon(1e-13));
    const double e = 1e-4;
    for (const double x : {-2.0, -0.3, 0.0, 1.7})
        CHECK((math::normal_cdf(x + e) - math::normal_cdf(x - e)) / (2 * e) ==
              Approx(math::normal_pdf(x)).epsilon(1e-7));
}
