#include "nn/module_check.hpp"

#include <pfad/nn/aff.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("aff: c^2 + 7.5 c parameters", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {8, 64, 256}) {
        nn::aff<float> m(ctx, c);
        CHECK(parameter_count(m) == c * c + 15 * c / 2);
    }
}

TEMPLATE_LIST_TEST_CASE("aff: gradients, with and without ReLU", "[nn]", backends) {
    const shape<4> dims = {{3, 3, 4, 4}};
    for (const post after : {post::none, post::relu})
        check_block<TestType, nn::aff>(
            std::tuple(4, 2),
            [after](const auto& m, auto& t, const auto& x, const auto& r) {
                return m(t, x, r, after);
            },
            random_array(dims, "x"), random_array(dims, "r"));
}

TEST_CASE("aff: two equal inputs give twice that input", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const auto x = random_array(shape<4>{{3, 3, 4, 4}}, "x");
    for (const mode phase : {mode::train, mode::eval})
        check_close(value_of(ctx, m, phase, x, x), scaled(x, 2), 1e-14);
}

TEST_CASE("aff: lies between twice the one input and twice the other", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const shape<4> dims = {{3, 3, 4, 4}};
    const auto x = random_array(dims, "x"), r = random_array(dims, "r");
    const auto y = value_of(ctx, m, mode::eval, x, r);
    for (std::size_t i = 0; i < x.data.size(); ++i) {
        CHECK(y.data[i] > 2 * std::min(x.data[i], r.data[i]) - 1e-12);
        CHECK(y.data[i] < 2 * std::max(x.data[i], r.data[i]) + 1e-12);
    }
}

TEST_CASE("aff: a batch of one is refused in training and served in evaluation", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const auto x = random_array(shape<4>{{1, 3, 4, 4}}, "x");
    CHECK_FALSE(error_code([&] { value_of(ctx, m, mode::eval, x, x); }));
    CHECK(error_code([&] { value_of(ctx, m, mode::train, x, x); }) == errc::shape);
    CHECK(message_of([&] { value_of(ctx, m, mode::train, x, x); }).find("a batch of two or more") !=
          std::string::npos);
}
