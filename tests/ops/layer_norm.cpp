#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/layer_norm.hpp>

#include <cmath>

using namespace pfad;
using namespace pfad::test;

namespace {

const auto op = [](auto& t, const auto& x, const auto& weight, const auto& bias) {
    return layer_norm(t, x, as_parameter(t, weight), as_parameter(t, bias));
};
const auto wanted = [](array<4> x, const array<1>& weight, const array<1>& bias) {
    const std::size_t c = weight.data.size();
    for (std::size_t row = 0; row < x.data.size(); row += c) {
        double mean = 0, variance = 0;
        for (std::size_t i = 0; i < c; ++i)
            mean += x.data[row + i] / static_cast<double>(c);
        for (std::size_t i = 0; i < c; ++i)
            variance += std::pow(x.data[row + i] - mean, 2) / static_cast<double>(c);
        for (std::size_t i = 0; i < c; ++i)
            x.data[row + i] =
                (x.data[row + i] - mean) / std::sqrt(variance + 1e-5) * weight.data[i] +
                bias.data[i];
    }
    return x;
};

} // namespace

TEMPLATE_LIST_TEST_CASE("layer_norm: value and gradients", "[ops]", backends) {
    const auto run = [](const shape<4>& x, thorough how) {
        INFO(to_string(x));
        check_op<TestType>(op, wanted, how, static_cast<double>(x[0] * x[1] * x[2] + x[3]), 8,
                           random_array(x, "x", -2, 3),
                           random_array(shape<1>{{x[3]}}, "weight", 0.5, 1.5),
                           random_array(shape<1>{{x[3]}}, "bias"));
    };
    run({{2, 5, 3, 7}}, thorough::everything);
    run({{3, 1, 1, 16}}, thorough::everything);
    run({{1, 3, 5, 8}}, thorough::everything);
    run({{2, 13, 11, 72}}, thorough::value_and_bits); // more than a pass of a warp
    run({{2, 37, 41, 24}}, thorough::value_and_bits);
}

TEST_CASE("layer_norm: one channel leaves the bias", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto y =
        op(t, constant(full(ctx, shape<4>{{2, 1, 1, 1}}, 7.0f)),
           constant(full(ctx, shape<1>{{1}}, 3.0f)), constant(full(ctx, shape<1>{{1}}, 0.25f)));
    CHECK(y.value.data()[0] == 0.25f);
    CHECK(y.value.data()[1] == 0.25f);
}

TEMPLATE_LIST_TEST_CASE("layer_norm: a large mean does not cancel the variance",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto x = random_array(shape<4>{{1, 2, 3, 96}}, "x");
    for (double& value : x.data)
        value = static_cast<double>(static_cast<float>(1000 + value));
    tape<TestType> t(ctx, mode::eval);
    const array<1> one(shape<1>{{96}}, 1), zero(shape<1>{{96}}, 0);
    const auto y = op(t, constant(upload<float>(ctx, x)), constant(upload<float>(ctx, one)),
                      constant(upload<float>(ctx, zero)));
    const auto want = wanted(x, one, zero);
    const auto got = read_elements(ctx, y.value);
    for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(static_cast<double>(got[i]) == Approx(want.data[i]).margin(2e-4));
}

TEST_CASE("layer_norm: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](std::int64_t weights, std::int64_t biases) {
        return error_code([&] {
            static_cast<void>(op(t, constant(full(ctx, shape<4>{{1, 2, 3, 4}}, 1.0f)),
                                 constant(full(ctx, shape<1>{{weights}}, 1.0f)),
                                 constant(full(ctx, shape<1>{{biases}}, 1.0f))));
        });
    };
    CHECK_FALSE(run(4, 4));
    CHECK(run(3, 4) == errc::shape);
    CHECK(run(4, 3) == errc::shape);
}
