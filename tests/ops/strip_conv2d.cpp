#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/depthwise_conv2d.hpp>
#include <pfad/ops/strip_conv2d.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

// The mean of its row plus the mean of its column at every pixel. It is its own transpose.
array<4> crossed_means(const array<4>& x) {
    array<4> y(x.dims);
    const std::int64_t h = x.extent(1), w = x.extent(2);
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < h; ++i)
            for (std::int64_t j = 0; j < w; ++j)
                for (std::int64_t c = 0; c < x.extent(3); ++c) {
                    for (std::int64_t q = 0; q < w; ++q)
                        y(n, i, j, c) += x(n, i, q, c) / static_cast<double>(w);
                    for (std::int64_t p = 0; p < h; ++p)
                        y(n, i, j, c) += x(n, p, j, c) / static_cast<double>(h);
                }
    return y;
}

array<4> reference(const array<4>& x, const array<4>& v, const array<1>& b) {
    const auto means = crossed_means(x);
    array<4> y(x.dims);
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < x.extent(1); ++i)
            for (std::int64_t j = 0; j < x.extent(2); ++j)
                for (std::int64_t c = 0; c < x.extent(3); ++c) {
                    double sum = b(c);
                    for (std::int64_t k = 0; k < v.extent(2); ++k) {
                        const std::int64_t at = j + k - v.extent(2) / 2;
                        if (at >= 0 && at < x.extent(2))
                            sum += means(n, i, at, c) * v(0, 0, k, c);
                    }
                    y(n, i, j, c) = sum;
                }
    return y;
}

const auto with_bias = [](auto& t, const auto& x, const auto& v, const auto& b) {
    return strip_conv2d(t, x, as_parameter(t, v), std::optional(as_parameter(t, b)));
};

struct size {
    shape<4> x;
    std::int64_t taps;

    [[nodiscard]] double terms() const {
        return static_cast<double>(x[0] * x[1] * x[2] + 2 * taps);
    }
    [[nodiscard]] array<4> input() const { return random_array(x, "x"); }
    [[nodiscard]] array<4> weight() const {
        return random_array(shape<4>{{1, 1, taps, x[3]}}, "v");
    }
    [[nodiscard]] array<1> bias() const { return random_array(shape<1>{{x[3]}}, "b"); }
};

} // namespace

TEMPLATE_LIST_TEST_CASE("strip_conv2d: value and gradients", "[ops]", backends) {
    for (const size& z :
         {size{{{1, 1, 1, 1}}, 1}, size{{{2, 1, 1, 3}}, 11}, size{{{2, 5, 7, 3}}, 3},
          size{{{1, 1, 6, 5}}, 5}, size{{{3, 13, 1, 2}}, 3}, size{{{2, 9, 10, 8}}, 5},
          size{{{1, 8, 17, 4}}, 11}, size{{{1, 6, 4, 16}}, 11}, size{{{2, 3, 5, 2}}, 25}}) {
        INFO(to_string(z.x) << ", " << z.taps << " taps");
        check_op<TestType>(with_bias, reference, thorough::everything, z.terms(), 2, z.input(),
                           z.weight(), z.bias());
    }
    // Several chunks of rows a sample.
    const size many = {{{2, 61, 43, 11}}, 11};
    check_op<TestType>(with_bias, reference, thorough::value_and_bits, many.terms(), 2,
                       many.input(), many.weight(), many.bias());
}

TEMPLATE_LIST_TEST_CASE("strip_conv2d: is depthwise_conv2d of the means that it does not expand",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(2);
    const auto expanded = [](auto& t, const auto& x, const auto& v, const auto& b) {
        return depthwise_conv2d(t, x, as_parameter(t, v), std::optional(as_parameter(t, b)));
    };
    for (const size& z : {size{{{2, 9, 14, 8}}, 11}, size{{{3, 7, 5, 3}}, 7}}) {
        INFO(to_string(z.x) << ", " << z.taps << " taps");
        const auto got = evaluate<double>(ctx, with_bias, z.input(), z.weight(), z.bias());
        const auto want =
            evaluate<double>(ctx, expanded, crossed_means(z.input()), z.weight(), z.bias());
        const auto close = [&](const auto& a, const auto& b) {
            check_close(a, b, tolerance<double>(4 * z.terms(), 1 + largest(b)));
        };
        close(got.y, want.y);
        close(std::get<0>(got.gradients), crossed_means(std::get<0>(want.gradients)));
        close(std::get<1>(got.gradients), std::get<1>(want.gradients));
        close(std::get<2>(got.gradients), std::get<2>(want.gradients));
    }
}

TEMPLATE_LIST_TEST_CASE("strip_conv2d: the bias is optional", "[ops]", backends) {
    const size z = {{{1, 4, 3, 2}}, 3};
    check_op<TestType>(
        [](auto& t, const auto& x, const auto& v) {
            return strip_conv2d(t, x, as_parameter(t, v), std::nullopt);
        },
        [](const array<4>& x, const array<4>& v) {
            return reference(x, v, array<1>(shape<1>{{2}}));
        },
        thorough::everything, z.terms(), 2, z.input(), z.weight());
}

TEST_CASE("strip_conv2d: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& v, std::int64_t b) {
        return error_code([&] {
            strip_conv2d(t, constant(full(ctx, x, 1.0f)),
                         as_parameter(constant(full(ctx, v, 1.0f))),
                         std::optional(as_parameter(constant(full(ctx, shape<1>{{b}}, 1.0f)))));
        });
    };
    CHECK_FALSE(run({{1, 4, 4, 3}}, {{1, 1, 5, 3}}, 3));
    CHECK(run({{1, 4, 4, 3}}, {{1, 1, 4, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 1, 0, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 5, 1, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{2, 1, 5, 3}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 1, 5, 2}}, 3) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{1, 1, 5, 3}}, 2) == errc::shape);
    CHECK(run({{1, 0, 3, 2}}, {{1, 1, 5, 2}}, 2) == errc::shape);
    CHECK(run({{1, 3, 0, 2}}, {{1, 1, 5, 2}}, 2) == errc::shape);
}
