#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/conv2d.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> convolve(const array<4>& x, const array<4>& w, const array<1>& b, conv2d_geometry g) {
    array<4> y(shape<4>{{x.extent(0), g.output(x.extent(1), w.extent(1)),
                         g.output(x.extent(2), w.extent(2)), w.extent(0)}});
    for (std::int64_t n = 0; n < y.extent(0); ++n)
        for (std::int64_t i = 0; i < y.extent(1); ++i)
            for (std::int64_t j = 0; j < y.extent(2); ++j)
                for (std::int64_t k = 0; k < y.extent(3); ++k) {
                    double sum = b(k);
                    for (std::int64_t r = 0; r < w.extent(1); ++r)
                        for (std::int64_t s = 0; s < w.extent(2); ++s)
                            for (std::int64_t c = 0; c < x.extent(3); ++c) {
                                const std::int64_t p = i * g.stride - g.padding + r * g.dilation;
                                const std::int64_t q = j * g.stride - g.padding + s * g.dilation;
                                if (p >= 0 && p < x.extent(1) && q >= 0 && q < x.extent(2))
                                    sum += x(n, p, q, c) * w(k, r, s, c);
                            }
                    y(n, i, j, k) = sum;
                }
    return y;
}

struct size {
    shape<4> x;
    std::int64_t filters, r, s;
    conv2d_geometry g;
};

template <class Context>
void check_size(const size& z, thorough how) {
    INFO(to_string(z.x) << ", " << z.filters << " of " << z.r << " x " << z.s << ", stride "
                        << z.g.stride << ", padding " << z.g.padding << ", dilation "
                        << z.g.dilation);
    check_op<Context>(
        [g = z.g](auto& t, const auto& x, const auto& w, const auto& b) {
            return conv2d(t, x, as_parameter(t, w), std::optional(as_parameter(t, b)), g);
        },
        [g = z.g](const array<4>& x, const array<4>& w, const array<1>& b) {
            return convolve(x, w, b, g);
        },
        how, static_cast<double>(z.x.size() + z.filters * z.r * z.s), 1, random_array(z.x, "x"),
        random_array(shape<4>{{z.filters, z.r, z.s, z.x[3]}}, "w"),
        random_array(shape<1>{{z.filters}}, "b"));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("conv2d: value and gradients", "[ops]", backends) {
    for (const size& z :
         {size{{{2, 5, 7, 3}}, 4, 3, 3, {1, 1, 1}}, size{{{2, 9, 8, 2}}, 3, 3, 3, {2, 1, 1}},
          size{{{1, 11, 10, 3}}, 2, 7, 7, {2, 3, 1}}, size{{{2, 9, 8, 4}}, 5, 1, 1, {2, 0, 1}},
          size{{{1, 9, 7, 2}}, 3, 3, 3, {1, 6, 6}}, size{{{1, 1, 1, 1}}, 1, 1, 1, {1, 0, 1}},
          size{{{3, 1, 1, 5}}, 7, 1, 1, {1, 0, 1}}, size{{{1, 6, 5, 2}}, 2, 2, 3, {1, 0, 1}},
          size{{{1, 7, 7, 1}}, 1, 3, 3, {3, 2, 2}}})
        check_size<TestType>(z, thorough::everything);
}

TEMPLATE_LIST_TEST_CASE("conv2d: same bits with many rows", "[ops]", backends) {
    check_size<TestType>({{{2, 29, 31, 16}}, 17, 3, 3, {1, 1, 1}}, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("conv2d: the bias is optional and an input may be constant",
                        "[ops]",
                        backends) {
    const auto x = random_array(shape<4>{{1, 4, 3, 2}}, "x");
    check_op<TestType>(
        [&x](auto& t, const auto& w) {
            using T = typename std::remove_cvref_t<decltype(w.value)>::element;
            return conv2d(t, constant(upload<T>(t.context, x)), as_parameter(t, w), std::nullopt,
                          {1, 1, 1});
        },
        [&x](const array<4>& w) {
            return convolve(x, w, array<1>(shape<1>{{3}}), {1, 1, 1});
        },
        thorough::everything, 32, 1, random_array(shape<4>{{3, 3, 3, 2}}, "w"));
}

TEMPLATE_LIST_TEST_CASE("conv2d: a touched weight is seen", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    tape<TestType> t(ctx, mode::eval);
    const auto x = constant(upload<float>(ctx, array<4>(shape<4>{{1, 2, 2, 1}}, 1)));
    auto w = as_parameter(constant(upload<float>(ctx, array<4>(shape<4>{{1, 1, 1, 1}}, 2))));
    const auto run = [&] { return download(ctx, conv2d(t, x, w, std::nullopt, {}).value).data[0]; };
    CHECK(run() == 2);
    CHECK(run() == 2);
    write_elements(ctx, w.value, {5});
    w.stamp.touch();
    CHECK(run() == 5);
}

TEST_CASE("conv2d: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& w, conv2d_geometry g) {
        return error_code([&] {
            conv2d(t, constant(full(ctx, x, 1.0f)), as_parameter(constant(full(ctx, w, 1.0f))),
                   std::nullopt, g);
        });
    };
    CHECK_FALSE(run({{1, 4, 4, 3}}, {{2, 3, 3, 3}}, {1, 0, 1}));
    CHECK(run({{1, 4, 4, 3}}, {{2, 3, 3, 2}}, {1, 0, 1}) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{2, 5, 3, 3}}, {1, 0, 1}) == errc::shape);
    CHECK(run({{1, 4, 4, 3}}, {{2, 3, 3, 3}}, {1, 0, 2}) == errc::shape);
    CHECK(run({{1, 1, 1, 3}}, {{2, 3, 3, 3}}, {2, 0, 1}) == errc::shape);
}
