#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/spatial_pyramid_pool.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

double mean(const array<4>& x,
            std::int64_t n,
            std::int64_t channel,
            std::int64_t top,
            std::int64_t bottom,
            std::int64_t left,
            std::int64_t right) {
    double sum = 0;
    for (std::int64_t i = top; i < bottom; ++i)
        for (std::int64_t j = left; j < right; ++j)
            sum += x(n, i, j, channel);
    return sum / static_cast<double>((bottom - top) * (right - left));
}

array<4> reference(const array<4>& x, std::int64_t groups) {
    const std::int64_t h = x.extent(1), w = x.extent(2), c = x.extent(3) / groups;
    array<4> y(shape<4>{{x.extent(0) * groups, 1, 1, 5 * c}});
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t g = 0; g < groups; ++g)
            for (std::int64_t i = 0; i < c; ++i) {
                y(n * groups + g, 0, 0, i) = mean(x, n, g * c + i, 0, h, 0, w);
                for (std::int64_t p = 0; p < 2; ++p)
                    for (std::int64_t q = 0; q < 2; ++q)
                        y(n * groups + g, 0, 0, c + 4 * i + 2 * p + q) =
                            mean(x, n, g * c + i, p * h / 2, ((p + 1) * h + 1) / 2, q * w / 2,
                                 ((q + 1) * w + 1) / 2);
            }
    return y;
}

auto op(int groups) {
    return [groups](auto& t, const auto& x) { return spatial_pyramid_pool(t, x, groups); };
}
auto wanted(int groups) {
    return [groups](const array<4>& x) { return reference(x, groups); };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("spatial_pyramid_pool: value and gradient", "[ops]", backends) {
    struct size {
        shape<4> x;
        int groups;
    };
    for (const size& z : {size{{{2, 6, 8, 12}}, 3}, size{{{1, 5, 7, 4}}, 2},
                          size{{{2, 1, 1, 3}}, 1}, size{{{1, 1, 4, 6}}, 3}, size{{{1, 3, 2, 5}}, 5},
                          size{{{1, 1, 1, 1}}, 1}, size{{{2, 5, 3, 16}}, 2}}) {
        INFO(to_string(z.x) << ", groups " << z.groups);
        check_op<TestType>(op(z.groups), wanted(z.groups), thorough::everything, 4, 2,
                           random_array(z.x, "x"));
    }
    // Several chunks of rows a sample.
    check_op<TestType>(op(3), wanted(3), thorough::value_and_bits, 4, 2,
                       random_array(shape<4>{{2, 45, 64, 48}}, "x"));
}

TEST_CASE("spatial_pyramid_pool: halves of an odd extent share the middle", "[ops]") {
    cpu::context ctx(1);
    auto x = empty<double>(ctx, shape<4>{{1, 1, 5, 1}});
    for (int i = 0; i < 5; ++i)
        x.data()[i] = i;
    tape<cpu::context> t(ctx, mode::eval);
    const auto y = spatial_pyramid_pool(t, constant(x), 1);
    CHECK(download(ctx, y.value).data == std::vector<double>{2, 1, 3, 1, 3});
}

TEST_CASE("spatial_pyramid_pool: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, int groups) {
        return error_code([&] { spatial_pyramid_pool(t, constant(full(ctx, x, 1.0f)), groups); });
    };
    CHECK_FALSE(run({{1, 2, 2, 6}}, 3));
    CHECK(run({{1, 2, 2, 6}}, 0) == errc::value);
    CHECK(run({{1, 2, 2, 6}}, 4) == errc::shape);
    CHECK(run({{1, 0, 2, 6}}, 3) == errc::shape);
    CHECK(run({{1, 2, 0, 6}}, 3) == errc::shape);
    CHECK(run({{1, 2, 2, 0}}, 3) == errc::shape);
}
