#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/max_pool2d.hpp>

#include <limits>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> reference(const array<4>& x, pool2d_geometry g) {
    array<4> y(shape<4>{{x.extent(0), (x.extent(1) + 2 * g.padding - g.kernel) / g.stride + 1,
                         (x.extent(2) + 2 * g.padding - g.kernel) / g.stride + 1, x.extent(3)}});
    for (std::int64_t n = 0; n < y.extent(0); ++n)
        for (std::int64_t i = 0; i < y.extent(1); ++i)
            for (std::int64_t j = 0; j < y.extent(2); ++j)
                for (std::int64_t c = 0; c < y.extent(3); ++c) {
                    double best = -std::numeric_limits<double>::infinity();
                    for (std::int64_t p = i * g.stride - g.padding;
                         p < i * g.stride - g.padding + g.kernel; ++p)
                        for (std::int64_t q = j * g.stride - g.padding;
                             q < j * g.stride - g.padding + g.kernel; ++q)
                            if (p >= 0 && p < x.extent(1) && q >= 0 && q < x.extent(2))
                                best = std::max(best, x(n, p, q, c));
                    y(n, i, j, c) = best;
                }
    return y;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("max_pool2d: value and gradient", "[ops]", backends) {
    struct size {
        shape<4> x;
        pool2d_geometry g;
    };
    for (const size& z : {size{{{2, 9, 8, 5}}, {3, 2, 1}}, size{{{1, 7, 11, 67}}, {3, 2, 1}},
                          size{{{2, 1, 1, 3}}, {3, 2, 1}}, size{{{1, 6, 5, 2}}, {2, 2, 0}},
                          size{{{1, 5, 6, 2}}, {3, 1, 1}}, size{{{1, 5, 9, 1}}, {2, 3, 1}},
                          size{{{1, 8, 7, 2}}, {5, 3, 2}}, size{{{1, 3, 4, 2}}, {1, 1, 0}},
                          size{{{1, 1, 1, 1}}, {3, 2, 1}}, size{{{2, 5, 7, 8}}, {3, 2, 1}}}) {
        INFO(to_string(z.x) << ", kernel " << z.g.kernel << ", stride " << z.g.stride);
        check_op<TestType>([g = z.g](auto& t, const auto& x) { return max_pool2d(t, x, g); },
                           [g = z.g](const array<4>& x) { return reference(x, g); },
                           thorough::everything, 1, static_cast<double>(z.x.size()),
                           spread_array(z.x, "x"));
    }
}

TEMPLATE_LIST_TEST_CASE("max_pool2d: same bits with many rows", "[ops]", backends) {
    const pool2d_geometry g = {3, 2, 1};
    check_op<TestType>([g](auto& t, const auto& x) { return max_pool2d(t, x, g); },
                       [g](const array<4>& x) { return reference(x, g); }, thorough::value_and_bits,
                       9, 1, random_array(shape<4>{{2, 64, 61, 16}}, "x"));
}

TEMPLATE_LIST_TEST_CASE("max_pool2d: a tie goes to the first in row-major order",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto op = [](auto& t, const auto& x) { return max_pool2d(t, x, {2, 2, 0}); };
    array<4> x(shape<4>{{1, 2, 4, 1}});
    // Left window: the maximum at (0, 1) and (1, 0). Right window: all equal.
    x.data = {0, 5, 7, 7, 5, 1, 7, 7};
    const auto result = evaluate<float>(ctx, op, x);
    const auto g = cotangent(result.y.dims);
    CHECK(result.y.data == std::vector<double>{5, 7});
    CHECK(std::get<0>(result.gradients).data ==
          std::vector<double>{0, g.data[0], g.data[1], 0, 0, 0, 0, 0});
}

TEMPLATE_LIST_TEST_CASE("max_pool2d: negative infinity has a winner inside and a NaN wins",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto op = [](auto& t, const auto& x) { return max_pool2d(t, x, {3, 2, 1}); };
    array<4> x(shape<4>{{1, 2, 2, 1}}, -std::numeric_limits<double>::infinity());
    const auto low = evaluate<double>(ctx, op, x);
    CHECK(low.y.data[0] == -std::numeric_limits<double>::infinity());
    CHECK(std::get<0>(low.gradients).data ==
          std::vector<double>{cotangent(low.y.dims).data[0], 0, 0, 0});
    x.data = {3, std::numeric_limits<double>::quiet_NaN(), 9, 4};
    const auto nan = evaluate<double>(ctx, op, x);
    CHECK(std::isnan(nan.y.data[0]));
    CHECK(std::get<0>(nan.gradients).data ==
          std::vector<double>{0, cotangent(nan.y.dims).data[0], 0, 0});
}

TEST_CASE("max_pool2d: refuses a geometry out of range", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, pool2d_geometry g) {
        return error_code([&] { max_pool2d(t, constant(full(ctx, x, 1.0f)), g); });
    };
    CHECK_FALSE(run({{1, 4, 4, 3}}, {3, 2, 1}));
    CHECK(run({{1, 4, 4, 3}}, {0, 2, 0}) == errc::value);
    CHECK(run({{1, 20, 20, 3}}, {16, 2, 0}) == errc::value);
    CHECK(run({{1, 4, 4, 3}}, {3, 0, 1}) == errc::value);
    CHECK(run({{1, 4, 4, 3}}, {3, 2, 2}) == errc::value);
    CHECK(run({{1, 4, 4, 3}}, {3, 2, -1}) == errc::value);
    CHECK(run({{1, 2, 4, 3}}, {3, 1, 0}) == errc::shape);
    CHECK(run({{1, 4, 2, 3}}, {3, 1, 0}) == errc::shape);
}
