#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/branch_conv2d.hpp>

#include <cmath>

using namespace pfad;
using namespace pfad::test;

namespace {

// Every branch's convolution, then the weighted sum.
array<4> reference(const array<4>& x, const array<4>& a, const array<4>& w) {
    const std::int64_t c = a.extent(3), branches = w.extent(0) / c;
    array<4> y(shape<4>{{x.extent(0), x.extent(1), x.extent(2), c}});
    const auto convolved = [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t row) {
        double sum = 0;
        for (std::int64_t r = 0; r < 3; ++r)
            for (std::int64_t s = 0; s < 3; ++s)
                for (std::int64_t in = 0; in < x.extent(3); ++in) {
                    const std::int64_t p = i + r - 1, q = j + s - 1;
                    if (p >= 0 && p < x.extent(1) && q >= 0 && q < x.extent(2))
                        sum += x(n, p, q, in) * w(row, r, s, in);
                }
        return sum;
    };
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t k = 0; k < c; ++k) {
            double total = 0;
            for (std::int64_t b = 0; b < branches; ++b)
                total += std::exp(a(n * branches + b, 0, 0, k));
            for (std::int64_t b = 0; b < branches; ++b)
                for (std::int64_t i = 0; i < x.extent(1); ++i)
                    for (std::int64_t j = 0; j < x.extent(2); ++j)
                        y(n, i, j, k) += std::exp(a(n * branches + b, 0, 0, k)) / total *
                                         convolved(n, i, j, b * c + k);
        }
    return y;
}

auto op(int branches) {
    return [branches](auto& t, const auto& x, const auto& a, const auto& w) {
        return branch_conv2d(t, x, a, as_parameter(t, w), branches);
    };
}

struct size {
    shape<4> x;
    std::int64_t c;
    int branches;
};

template <class Context>
void check_size(const size& z, thorough how) {
    INFO(to_string(z.x) << " to " << z.branches << " x " << z.c);
    check_op<Context>(op(z.branches), reference, how,
                      static_cast<double>(z.x.size() + 9 * z.c * z.branches), 1,
                      random_array(z.x, "x"),
                      random_array(shape<4>{{z.x[0] * z.branches, 1, 1, z.c}}, "a", -2, 2),
                      random_array(shape<4>{{z.branches * z.c, 3, 3, z.x[3]}}, "w"));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("branch_conv2d: value and gradients", "[ops]", backends) {
    for (const size& z : {size{{{2, 4, 5, 3}}, 2, 3}, size{{{1, 1, 1, 2}}, 3, 2},
                          size{{{3, 3, 2, 1}}, 1, 1}, size{{{2, 3, 4, 8}}, 8, 3}})
        check_size<TestType>(z, thorough::everything);
    check_size<TestType>({{{2, 13, 16, 16}}, 16, 3}, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("branch_conv2d: inputs may be constants", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const auto x = random_array(shape<4>{{2, 3, 4, 2}}, "x");
    const auto a = random_array(shape<4>{{6, 1, 1, 3}}, "a");
    const auto w = random_array(shape<4>{{9, 3, 3, 2}}, "w");
    auto all = op(3);
    auto weight_alone = [&](auto& t, const auto& v) {
        return branch_conv2d(t, constant(upload<double>(ctx, x)), constant(upload<double>(ctx, a)),
                             as_parameter(t, v), 3);
    };
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, weight_alone, w).gradients),
                    std::get<2>(evaluate<double>(ctx, all, x, a, w).gradients)));
}

TEST_CASE("branch_conv2d: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& a, const shape<4>& w, int branches) {
        return error_code([&] {
            branch_conv2d(t, constant(full(ctx, x, 1.0f)), constant(full(ctx, a, 1.0f)),
                          as_parameter(constant(full(ctx, w, 1.0f))), branches);
        });
    };
    CHECK_FALSE(run({{2, 3, 3, 4}}, {{6, 1, 1, 2}}, {{6, 3, 3, 4}}, 3));
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 2}}, {{6, 3, 3, 4}}, 0) == errc::value);
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 2}}, {{7, 3, 3, 4}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 2}}, {{6, 3, 3, 5}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 2}}, {{6, 1, 1, 4}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{2, 1, 1, 2}}, {{6, 3, 3, 4}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 3}}, {{6, 3, 3, 4}}, 3) == errc::shape);
    CHECK(run({{2, 0, 3, 4}}, {{6, 1, 1, 2}}, {{6, 3, 3, 4}}, 3) == errc::shape);
}
