#include "nn/module_check.hpp"

#include <pfad/nn/aspp.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("aspp: 64 c^2 + 10 c parameters", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {4, 32, 128}) {
        nn::aspp<float> m(ctx, c, c);
        CHECK(parameter_count(m) == 64 * c * c + 10 * c);
    }
}

TEMPLATE_LIST_TEST_CASE("aspp: gradients", "[nn]", backends) {
    check_block<TestType, nn::aspp>(std::tuple(2, 3), run_block,
                                    random_array(shape<4>{{3, 7, 8, 2}}, "x"));
}

TEMPLATE_LIST_TEST_CASE("aspp: gradients of each pooled norm", "[nn]", backends) {
    using enum nn::pooled_norm;
    for (const auto kind : {layer, none, pixel})
        check_block<TestType, nn::aspp>(std::tuple(2, 3, kind), run_block,
                                        random_array(shape<4>{{3, 7, 8, 2}}, "x"));
}

TEST_CASE("aspp: the pooled branch has a bias where it has no norm", "[nn]") {
    using enum nn::pooled_norm;
    cpu::context ctx(1);
    const auto count = [&](nn::pooled_norm kind) {
        nn::aspp<float> m(ctx, 8, 8, kind);
        return parameter_count(m);
    };
    CHECK(count(layer) == count(batch));
    CHECK(count(pixel) == count(batch));
    CHECK(count(none) == count(batch) - 8);
}

TEST_CASE("aspp: the pooled branch is the same everywhere in the picture", "[nn]") {
    // The fusion looks at the first channels alone, and at the centre of its kernel.
    cpu::context ctx(1);
    const std::int64_t out = 3;
    nn::aspp<double> m(ctx, 2, static_cast<int>(out));
    fill(m);
    const auto w = elements(m.fuse.conv.weight);
    for (std::int64_t k = 0; k < out; ++k)
        for (std::int64_t tap = 0; tap < 9; ++tap)
            for (std::int64_t c = 0; c < 4 * out; ++c)
                w[static_cast<std::size_t>((k * 9 + tap) * 4 * out + c)] =
                    tap == 4 && c == k ? 1 : 0;
    for (double& b : elements(m.fuse.bn.parameters.bias))
        b = 4; // keeps the ReLU open
    const auto x = random_array(shape<4>{{2, 5, 6, 2}}, "x");
    const auto y = value_of(ctx, m, mode::eval, x);
    auto rolled = x;
    std::rotate(rolled.data.begin(), rolled.data.begin() + 6, rolled.data.begin() + 60);
    const auto z = value_of(ctx, m, mode::eval, rolled);
    for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t i = 0; i < 5; ++i)
            for (std::int64_t j = 0; j < 6; ++j)
                for (std::int64_t c = 0; c < out; ++c) {
                    CHECK(y(n, i, j, c) == y(n, 0, 0, c));
                    CHECK(z(n, i, j, c) == Approx(y(n, 0, 0, c)).epsilon(1e-12));
                }
    CHECK(y(0, 0, 0, 0) != y(1, 0, 0, 0));
}

TEST_CASE("aspp: a batch of one is refused in training and served in evaluation", "[nn]") {
    cpu::context ctx(1);
    nn::aspp<double> m(ctx, 2, 3);
    fill(m);
    const auto x = random_array(shape<4>{{1, 5, 6, 2}}, "x");
    nn::aspp<double> single(ctx, 2, 3, nn::pooled_norm::layer);
    fill(single);
    CHECK_FALSE(error_code([&] { value_of(ctx, single, mode::train, x); }));
    CHECK_FALSE(error_code([&] { value_of(ctx, m, mode::eval, x); }));
    CHECK(message_of([&] { value_of(ctx, m, mode::train, x); }).find("a batch of two or more") !=
          std::string::npos);
}
