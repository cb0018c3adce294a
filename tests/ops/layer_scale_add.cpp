#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/layer_scale_add.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

const auto op = [](auto& t, const auto& x, const auto& z, const auto& gamma) {
    return layer_scale_add(t, x, z, as_parameter(t, gamma));
};
const auto wanted = [](array<4> x, const array<4>& z, const array<1>& gamma) {
    for (std::size_t i = 0; i < x.data.size(); ++i)
        x.data[i] += gamma.data[i % gamma.data.size()] * z.data[i];
    return x;
};

} // namespace

TEMPLATE_LIST_TEST_CASE("layer_scale_add: value and gradients", "[ops]", backends) {
    const auto run = [](const shape<4>& x, thorough how) {
        INFO(to_string(x));
        check_op<TestType>(op, wanted, how, static_cast<double>(x[0] * x[1] * x[2]), 2,
                           random_array(x, "x"), random_array(x, "z"),
                           random_array(shape<1>{{x[3]}}, "gamma"));
    };
    run({{1, 1, 1, 1}}, thorough::everything);
    run({{2, 5, 3, 7}}, thorough::everything);
    run({{1, 3, 5, 8}}, thorough::everything);
    run({{2, 37, 41, 24}}, thorough::value_and_bits);
}

TEST_CASE("layer_scale_add: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& z, std::int64_t c) {
        return error_code([&] {
            layer_scale_add(t, constant(full(ctx, x, 1.0f)), constant(full(ctx, z, 1.0f)),
                            as_parameter(constant(full(ctx, shape<1>{{c}}, 1.0f))));
        });
    };
    CHECK_FALSE(run({{1, 2, 3, 4}}, {{1, 2, 3, 4}}, 4));
    CHECK(run({{1, 2, 3, 4}}, {{1, 3, 2, 4}}, 4) == errc::shape);
    CHECK(run({{1, 2, 3, 4}}, {{1, 2, 3, 4}}, 3) == errc::shape);
}
