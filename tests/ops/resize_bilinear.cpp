#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/resize_bilinear.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

/// The weight of source pixel `from` in target pixel `to`, as a hat function of the distance.
double weight(std::int64_t from, std::int64_t to, std::int64_t in, std::int64_t out) {
    double at =
        (static_cast<double>(to) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    at = std::clamp(at, 0.0, static_cast<double>(in - 1));
    return std::max(0.0, 1 - std::abs(at - static_cast<double>(from)));
}

array<4> reference(const array<4>& x, std::int64_t oh, std::int64_t ow) {
    array<4> y(shape<4>{{x.extent(0), oh, ow, x.extent(3)}});
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < oh; ++i)
            for (std::int64_t j = 0; j < ow; ++j)
                for (std::int64_t p = 0; p < x.extent(1); ++p)
                    for (std::int64_t q = 0; q < x.extent(2); ++q) {
                        const double both =
                            weight(p, i, x.extent(1), oh) * weight(q, j, x.extent(2), ow);
                        if (both != 0)
                            for (std::int64_t c = 0; c < x.extent(3); ++c)
                                y(n, i, j, c) += both * x(n, p, q, c);
                    }
    return y;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("resize_bilinear: value and gradient", "[ops]", backends) {
    struct size {
        shape<4> x;
        std::int64_t h, w;
    };
    for (const size& z :
         {size{{{2, 4, 4, 3}}, 8, 8}, size{{{1, 7, 5, 2}}, 13, 9}, size{{{2, 8, 6, 2}}, 4, 3},
          size{{{1, 2, 2, 5}}, 9, 16}, size{{{1, 1, 1, 2}}, 4, 5}, size{{{1, 5, 3, 2}}, 1, 1},
          size{{{1, 3, 11, 1}}, 7, 2}, size{{{1, 4, 3, 2}}, 4, 3}, size{{{1, 1, 1, 1}}, 1, 1},
          size{{{2, 5, 3, 8}}, 7, 4}}) {
        INFO(to_string(z.x) << " to " << z.h << " x " << z.w);
        check_op<TestType>([z](auto& t, const auto& x) { return resize_bilinear(t, x, z.h, z.w); },
                           [z](const array<4>& x) { return reference(x, z.h, z.w); },
                           thorough::everything, 8, 2, random_array(z.x, "x"));
    }
    check_op<TestType>([](auto& t, const auto& x) { return resize_bilinear(t, x, 43, 38); },
                       [](const array<4>& x) { return reference(x, 43, 38); },
                       thorough::value_and_bits, 8, 2,
                       random_array(shape<4>{{2, 21, 19, 17}}, "x"));
}

TEST_CASE("resize_bilinear: twice the size puts the centres at quarters", "[ops]") {
    cpu::context ctx(1);
    auto x = empty<double>(ctx, shape<4>{{1, 1, 4, 1}});
    for (int i = 0; i < 4; ++i)
        x.data()[i] = i;
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(download(ctx, resize_bilinear(t, constant(x), 1, 8).value).data ==
          std::vector<double>{0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3});
}

TEST_CASE("resize_bilinear: the same size copies", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto x = random_array(shape<4>{{2, 7, 11, 3}}, "x");
    CHECK(same_bits(
        x, download(ctx, resize_bilinear(t, constant(upload<float>(ctx, x)), 7, 11).value)));
}

TEST_CASE("resize_bilinear: refuses an image without pixels", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, std::int64_t h, std::int64_t w) {
        return error_code([&] { resize_bilinear(t, constant(full(ctx, x, 1.0f)), h, w); });
    };
    CHECK(run({{1, 2, 2, 1}}, 0, 3) == errc::shape);
    CHECK(run({{1, 2, 2, 1}}, 3, -1) == errc::shape);
    CHECK(run({{1, 0, 2, 1}}, 3, 3) == errc::shape);
    CHECK(run({{1, 2, 0, 1}}, 3, 3) == errc::shape);
}
