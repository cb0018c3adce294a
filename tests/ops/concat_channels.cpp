#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/concat_channels.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

template <class... A>
array<4> reference(const A&... parts) {
    const shape<4> dims = {{std::max({parts.extent(0)...}), std::max({parts.extent(1)...}),
                            std::max({parts.extent(2)...}), (parts.extent(3) + ...)}};
    array<4> y(dims);
    std::int64_t offset = 0;
    const auto copy = [&](const array<4>& x) {
        for (std::int64_t n = 0; n < dims[0]; ++n)
            for (std::int64_t i = 0; i < dims[1]; ++i)
                for (std::int64_t j = 0; j < dims[2]; ++j)
                    for (std::int64_t c = 0; c < x.extent(3); ++c)
                        y(n, i, j, offset + c) =
                            x(n, x.extent(1) == 1 ? 0 : i, x.extent(2) == 1 ? 0 : j, c);
        offset += x.extent(3);
    };
    (copy(parts), ...);
    return y;
}

const auto op = [](auto& t, const auto&... x) { return concat_channels(t, {x...}); };
const auto wanted = [](const auto&... x) { return reference(x...); };

} // namespace

TEMPLATE_LIST_TEST_CASE("concat_channels: value and gradients", "[ops]", backends) {
    const auto x = [](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
        return random_array(shape<4>{{n, h, w, c}}, std::to_string(c));
    };
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(2, 3, 5, 4));
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(2, 3, 5, 4), x(2, 3, 5, 1));
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(1, 1, 1, 2), x(1, 1, 1, 3));
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(1, 1, 1, 1), x(1, 1, 1, 1));
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(2, 3, 1, 8), x(2, 3, 1, 16));
    check_op<TestType>(op, wanted, thorough::everything, 1, 1, x(1, 1, 7, 2), x(1, 1, 7, 3));
    check_op<TestType>(op, wanted, thorough::value_and_bits, 1, 1, x(2, 33, 31, 20),
                       x(2, 33, 31, 3), x(2, 33, 31, 17));
}

TEMPLATE_LIST_TEST_CASE("concat_channels: 1 x 1 pixels are repeated", "[ops]", backends) {
    const auto x = [](std::int64_t h, std::int64_t w, std::int64_t c) {
        return random_array(shape<4>{{2, h, w, c}}, std::to_string(c));
    };
    check_op<TestType>(op, wanted, thorough::everything, 15, 2, x(1, 1, 4), x(3, 5, 2), x(3, 5, 3));
    check_op<TestType>(op, wanted, thorough::everything, 15, 2, x(3, 5, 2), x(1, 1, 4));
    // Several chunks of pixels a sample.
    check_op<TestType>(op, wanted, thorough::value_and_bits, 59 * 61, 1.25, x(1, 1, 40),
                       x(59, 61, 8));
}

TEMPLATE_LIST_TEST_CASE("concat_channels: one image twice gets both gradients", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const auto x = random_array(shape<4>{{1, 2, 3, 2}}, "x");
    auto twice = [](auto& t, const auto& v) { return concat_channels(t, {v, v}); };
    const auto result = evaluate<double>(ctx, twice, x);
    const auto g = cotangent(result.y.dims);
    for (std::int64_t i = 0; i < 2; ++i)
        for (std::int64_t j = 0; j < 3; ++j)
            for (std::int64_t c = 0; c < 2; ++c)
                CHECK(std::get<0>(result.gradients)(0, i, j, c) ==
                      g(0, i, j, c) + g(0, i, j, 2 + c));
}

TEST_CASE("concat_channels: refuses parts that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& a, const shape<4>& b) {
        return error_code([&] {
            concat_channels(t, {constant(full(ctx, a, 1.0f)), constant(full(ctx, b, 1.0f))});
        });
    };
    CHECK_FALSE(run({{2, 3, 4, 1}}, {{2, 3, 4, 5}}));
    CHECK(run({{2, 3, 4, 1}}, {{1, 3, 4, 5}}) == errc::shape);
    CHECK(run({{2, 3, 4, 1}}, {{2, 2, 4, 5}}) == errc::shape);
    CHECK(run({{2, 3, 4, 1}}, {{2, 3, 1, 5}}) == errc::shape);
    CHECK(run({{2, 1, 4, 1}}, {{2, 3, 1, 5}}) == errc::shape);
    CHECK(error_code([&] { concat_channels(t, std::vector<maps<float>>()); }) == errc::value);
}
