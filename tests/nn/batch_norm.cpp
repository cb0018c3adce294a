#include "nn/module_check.hpp"

#include <pfad/nn/batch_norm.hpp>

using namespace pfad;
using namespace pfad::test;

TEMPLATE_LIST_TEST_CASE("batch_norm layer: gradients with residual and ReLU", "[nn]", backends) {
    const shape<4> dims = {{2, 4, 3, 3}};
    check_block<TestType, nn::batch_norm>(std::tuple(3), run_block, random_array(dims, "x"));
    check_block<TestType, nn::batch_norm>(
        std::tuple(3),
        [](const auto& m, auto& t, const auto& x, const auto& r) { return m(t, x, post::relu, r); },
        random_array(dims, "x"), random_array(dims, "r"));
}

TEST_CASE("batch_norm layer: starts as nothing but the normalisation", "[nn]") {
    cpu::context ctx(1);
    nn::batch_norm<double> m(ctx, 3);
    CHECK(parameter_count(m) == 6);
    const auto x = random_array(shape<4>{{2, 4, 3, 3}}, "x");
    auto scaled_down = x;
    for (double& value : scaled_down.data)
        value /= std::sqrt(1 + 1e-5);
    check_close(value_of(ctx, m, mode::eval, x), scaled_down, 1e-15);
    fill(m);
    initialise(m, "", initialiser::kaiming_fan_out, 1);
    check_close(value_of(ctx, m, mode::eval, x), scaled_down, 1e-15);
}

TEST_CASE("batch_norm layer: training moves the running statistics, evaluation does not", "[nn]") {
    cpu::context ctx(1);
    nn::batch_norm<double> m(ctx, 1);
    array<4> x(shape<4>{{2, 1, 2, 1}});
    x.data = {1, 2, 3, 6};
    const double* const mean = m.parameters.running_mean.value.data();
    const double* const variance = m.parameters.running_variance.value.data();
    value_of(ctx, m, mode::eval, x);
    CHECK(mean[0] == 0);
    CHECK(variance[0] == 1);
    value_of(ctx, m, mode::train, x);
    CHECK(mean[0] == Approx(0.3));
    CHECK(variance[0] == Approx(0.9 + 0.1 * 14 / 3)); // unbiased
}
