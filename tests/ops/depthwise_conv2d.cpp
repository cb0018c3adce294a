#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/depthwise_conv2d.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> reference(const array<4>& x, const array<4>& w, const array<1>& b) {
    array<4> y(x.dims);
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < x.extent(1); ++i)
            for (std::int64_t j = 0; j < x.extent(2); ++j)
                for (std::int64_t c = 0; c < x.extent(3); ++c) {
                    double sum = b(c);
                    for (std::int64_t r = 0; r < w.extent(1); ++r)
                        for (std::int64_t s = 0; s < w.extent(2); ++s) {
                            const std::int64_t p = i + r - w.extent(1) / 2;
                            const std::int64_t q = j + s - w.extent(2) / 2;
                            if (p >= 0 && p < x.extent(1) && q >= 0 && q < x.extent(2))
                                sum += x(n, p, q, c) * w(0, r, s, c);
                        }
                    y(n, i, j, c) = sum;
                }
    return y;
}

const auto with_bias = [](auto& t, const auto& x, const auto& w, const auto& b) {
    return depthwise_conv2d(t, x, as_parameter(t, w), std::optional(as_parameter(t, b)));
};

} // namespace

TEMPLATE_LIST_TEST_CASE("depthwise_conv2d: value and gradients", "[ops]", backends) {
    struct size {
        shape<4> x;
        std::int64_t r, s;
    };
    for (const size& z :
         {size{{{2, 5, 7, 3}}, 3, 3}, size{{{1, 1, 1, 1}}, 1, 1}, size{{{1, 4, 17, 5}}, 1, 11},
          size{{{1, 17, 4, 5}}, 11, 1}, size{{{2, 2, 3, 16}}, 11, 1}, size{{{1, 3, 2, 7}}, 1, 11},
          size{{{1, 1, 9, 2}}, 5, 3}}) {
        INFO(to_string(z.x) << ", " << z.r << " x " << z.s);
        const shape<4> w = {{1, z.r, z.s, z.x[3]}};
        check_op<TestType>(with_bias, reference, thorough::everything,
                           static_cast<double>(z.x[0] * z.x[1] * z.x[2] + z.r * z.s), 2,
                           random_array(z.x, "x"), random_array(w, "w"),
                           random_array(shape<1>{{z.x[3]}}, "b"));
    }
}

TEMPLATE_LIST_TEST_CASE("depthwise_conv2d: same bits with many rows", "[ops]", backends) {
    check_op<TestType>(with_bias, reference, thorough::value_and_bits, 2 * 41 * 37, 2,
                       random_array(shape<4>{{2, 41, 37, 24}}, "x"),
                       random_array(shape<4>{{1, 3, 5, 24}}, "w"),
                       random_array(shape<1>{{24}}, "b"));
}

TEMPLATE_LIST_TEST_CASE("depthwise_conv2d: the bias is optional", "[ops]", backends) {
    const shape<4> x = {{1, 4, 3, 2}};
    check_op<TestType>(
        [](auto& t, const auto& a, const auto& w) {
            return depthwise_conv2d(t, a, as_parameter(t, w), std::nullopt);
        },
        [](const array<4>& a, const array<4>& w) {
            return reference(a, w, array<1>(shape<1>{{2}}));
        },
        thorough::everything, 32, 1, random_array(x, "x"),
        random_array(shape<4>{{1, 3, 3, 2}}, "w"));
}

TEST_CASE("depthwise_conv2d: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& w, std::int64_t b) {
        return error_code([&] {
            depthwise_conv2d(t, constant(full(ctx, x, 1.0f)),
                             as_parameter(constant(full(ctx, w, 1.0f))),
                             std::optional(as_parameter(constant(full(ctx, shape<1>{{b}}, 1.0f)))));
        });
    };
    CHECK_FALSE(run({{1, 4, 4, 3}}, {{1, 3, 3, 3}}, 3));
    CHECK(run({{1, 4, 4, 3}}, {{1, 3, 3, 2}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{3, 3, 3, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 2, 3, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 3, 4, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 3, 3, 3}}, 2) == errc::shape);
}
