#include "nn/module_check.hpp"

#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/depthwise_conv2d.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

template <class M>
std::pair<double, double> mean_and_deviation(M& m, const char* wanted) {
    double sum = 0, squares = 0, count = 0;
    visit_parameters(m, "", [&](const std::string& name, auto& p) {
        if (name == wanted)
            for (const auto w : elements(p)) {
                sum += static_cast<double>(w);
                squares += static_cast<double>(w) * static_cast<double>(w);
                ++count;
            }
    });
    REQUIRE(count > 0);
    return {sum / count, std::sqrt(squares / count - sum / count * sum / count)};
}

} // namespace

TEMPLATE_LIST_TEST_CASE("conv2d layer: gradients with stride, dilation and bias",
                        "[nn]",
                        backends) {
    for (const nn::conv2d_options& o : {nn::conv2d_options{.in = 3, .out = 4, .bias = true},
                                        nn::conv2d_options{.in = 3, .out = 4, .stride = 2},
                                        nn::conv2d_options{.in = 3, .out = 4, .dilation = 2}})
        check_block<TestType, nn::conv2d>(std::tuple(o), run_block,
                                          random_array(shape<4>{{2, 5, 6, 3}}, "x"));
}

TEST_CASE("conv2d layer: keeps the size at stride 1, halves it upwards at stride 2", "[nn]") {
    cpu::context ctx(1);
    const auto extents = [&](nn::conv2d_options o) {
        nn::conv2d<double> m(ctx, o);
        const auto y = value_of(ctx, m, mode::eval, random_array(shape<4>{{1, 9, 8, 2}}, "x"));
        return std::pair(y.extent(1), y.extent(2));
    };
    for (const int kernel : {1, 3, 7}) {
        const nn::conv2d_options same = {.in = 2, .out = 3, .kernel = kernel};
        const nn::conv2d_options half = {.in = 2, .out = 3, .kernel = kernel, .stride = 2};
        CHECK(extents(same) == std::pair<std::int64_t, std::int64_t>(9, 8));
        CHECK(extents(half) == std::pair<std::int64_t, std::int64_t>(5, 4));
    }
    CHECK(extents({.in = 2, .out = 3, .dilation = 6}) ==
          std::pair<std::int64_t, std::int64_t>(9, 8));
}

TEST_CASE("conv2d layer: starts as its initialiser says", "[nn]") {
    cpu::context ctx(1);
    nn::conv2d<float> m(ctx, {.in = 16, .out = 24, .bias = true});
    const double bound = 1 / std::sqrt(16 * 9.0), fan_out = 24 * 9;
    initialise(m, "m", initialiser::kaiming_fan_out, 7);
    const auto [mean, deviation] = mean_and_deviation(m, "weight");
    CHECK(std::abs(mean) < 4 * std::sqrt(2 / fan_out / 3456));
    CHECK(deviation == Approx(std::sqrt(2 / fan_out)).epsilon(0.05));
    initialise(m, "m", initialiser::uniform_fan_in, 7);
    const auto [centre, width] = mean_and_deviation(m, "weight");
    CHECK(std::abs(centre) < 4 * bound / std::sqrt(3 * 3456.0));
    CHECK(width == Approx(bound / std::sqrt(3.0)).epsilon(0.05));
    double largest_weight = 0, largest_bias = 0;
    for (const float w : elements(m.weight))
        largest_weight = std::max(largest_weight, std::abs(static_cast<double>(w)));
    for (const float b : elements(*m.bias))
        largest_bias = std::max(largest_bias, std::abs(static_cast<double>(b)));
    CHECK(largest_weight <= bound);
    CHECK(largest_weight > 0.99 * bound);
    CHECK(largest_bias <= bound);
    CHECK(largest_bias > 0.5 * bound);
}

TEST_CASE("conv2d layer: parts count as convolutions of their own at the start", "[nn]") {
    // Three stacked convolutions to 8 channels each: fan_out is 8 * 9, not 24 * 9.
    cpu::context ctx(1);
    nn::conv2d<float> m(ctx, {.in = 16, .out = 24, .parts = 3});
    initialise(m, "m", initialiser::kaiming_fan_out, 7);
    CHECK(mean_and_deviation(m, "weight").second == Approx(std::sqrt(2 / (8 * 9.0))).epsilon(0.05));
}

TEMPLATE_LIST_TEST_CASE("depthwise_conv2d layer: gradients of squares and strips",
                        "[nn]",
                        backends) {
    for (const auto& sizes : {std::tuple(4, 3, 3), std::tuple(4, 1, 11), std::tuple(4, 11, 1)})
        check_block<TestType, nn::depthwise_conv2d>(sizes, run_block,
                                                    random_array(shape<4>{{2, 5, 6, 4}}, "x"));
}

TEST_CASE("depthwise_conv2d layer: keeps the size", "[nn]") {
    cpu::context ctx(1);
    const auto x = random_array(shape<4>{{2, 5, 6, 4}}, "x");
    for (const auto& [height, width] : {std::pair(3, 3), std::pair(1, 11), std::pair(11, 1)}) {
        nn::depthwise_conv2d<double> m(ctx, 4, height, width);
        CHECK(parameter_count(m) == 4 * height * width + 4);
        CHECK(value_of(ctx, m, mode::eval, x).dims == x.dims);
    }
}

TEST_CASE("depthwise_conv2d layer: fan_in is one channel's kernel", "[nn]") {
    cpu::context ctx(1);
    nn::depthwise_conv2d<float> m(ctx, 200, 1, 11);
    initialise(m, "m", initialiser::uniform_fan_in, 3);
    CHECK(mean_and_deviation(m, "weight").second == Approx(1 / std::sqrt(33.0)).epsilon(0.05));
    CHECK(mean_and_deviation(m, "bias").second == Approx(1 / std::sqrt(33.0)).epsilon(0.15));
}
