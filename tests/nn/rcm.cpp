#include "nn/module_check.hpp"

#include <pfad/nn/rcm.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("rcm: 4 c^2 + 42 c parameters", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {4, 64, 256}) {
        nn::rcm<float> m(ctx, c);
        CHECK(parameter_count(m) == 4 * c * c + 42 * c);
    }
}

TEMPLATE_LIST_TEST_CASE("rcm: gradients", "[nn]", backends) {
    check_block<TestType, nn::rcm>(std::tuple(3, nn::rcm_options{.band = 5}), run_block,
                                   random_array(shape<4>{{2, 4, 5, 3}}, "x"));
}

TEST_CASE("rcm: without layer scale it is the identity, and at the start nearly so", "[nn]") {
    cpu::context ctx(1);
    nn::rcm<double> m(ctx, 3);
    const auto x = random_array(shape<4>{{2, 4, 13, 3}}, "x");
    initialise(m, "m", initialiser::uniform_fan_in, 1);
    for (const mode phase : {mode::train, mode::eval}) {
        const auto y = value_of(ctx, m, phase, x);
        check_close(y, x, 1e-5);
        CHECK_FALSE(same_bits(y, x));
    }
    for (double& s : elements(m.layer_scale))
        s = 0;
    for (const mode phase : {mode::train, mode::eval})
        CHECK(same_bits(value_of(ctx, m, phase, x), x));
}

TEST_CASE("rcm: layer scale starts at 1e-6 or as asked", "[nn]") {
    cpu::context ctx(1);
    nn::rcm<double> usual(ctx, 2), asked(ctx, 2, {.layer_scale = 0.25});
    initialise(usual, "m", initialiser::uniform_fan_in, 1);
    initialise(asked, "m", initialiser::uniform_fan_in, 1);
    CHECK(usual.layer_scale.value.data()[1] == 1e-6);
    CHECK(asked.layer_scale.value.data()[1] == 0.25);
}
