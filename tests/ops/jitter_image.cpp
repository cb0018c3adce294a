#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/ops/jitter_image.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

template <class T, class Context>
array<4> made(Context& ctx, const array<4>& x, const std::vector<jitter_draw>& draws) {
    const auto placed = empty<jitter_draw>(ctx, shape<1>{{x.extent(0)}});
    write_elements(ctx, placed, draws);
    return download(ctx, jitter_image(ctx, upload<T>(ctx, x), placed));
}

/// The definition, with x as a function of the plane.
double at(const array<4>& x, std::int64_t n, double row, double column, std::int64_t k) {
    const auto seen = [&](double i, double j) {
        const double h = static_cast<double>(x.extent(1)), w = static_cast<double>(x.extent(2));
        return x(n, static_cast<std::int64_t>(std::clamp(i, 0.0, h - 1)),
                 static_cast<std::int64_t>(std::clamp(j, 0.0, w - 1)), k);
    };
    const double i = std::floor(row), j = std::floor(column), a = row - i, b = column - j;
    return (1 - a) * ((1 - b) * seen(i, j) + b * seen(i, j + 1)) +
           a * ((1 - b) * seen(i + 1, j) + b * seen(i + 1, j + 1));
}

array<4> wanted(const array<4>& x, const std::vector<jitter_draw>& draws) {
    array<4> y(x.dims);
    const double h = static_cast<double>(x.extent(1)), w = static_cast<double>(x.extent(2));
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < x.extent(1); ++i)
            for (std::int64_t j = 0; j < x.extent(2); ++j)
                for (std::int64_t k = 0; k < 3; ++k) {
                    const auto& d = draws[static_cast<std::size_t>(n)];
                    const double zoom = static_cast<double>(d.zoom);
                    const double row = (static_cast<double>(i) + 0.5 - h / 2) / zoom + h / 2 -
                                       static_cast<double>(d.down) * h - 0.5;
                    const double column = (static_cast<double>(j) + 0.5 - w / 2) / zoom + w / 2 -
                                          static_cast<double>(d.across) * w - 0.5;
                    const double lit =
                        ((at(x, n, row, column, k) - 0.5) * static_cast<double>(d.contrast) + 0.5) *
                        static_cast<double>(d.brightness);
                    y(n, i, j, k) = std::clamp(lit, 0.0, 1.0);
                }
    return y;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("jitter_image: the definition", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    const std::vector<jitter_draw> draws = {{},
                                            {1.25f, 0.75f, 0, 0, 1},
                                            {1, 1, 0.25f, -0.125f, 1},
                                            {1, 1, 0, 0, 1.25f},
                                            {0.75f, 1.5f, -0.0625f, 0.03125f, 0.875f}};
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        for (const auto& [h, w] : {std::pair(9, 14), {16, 16}, {1, 3}}) {
            const auto x = rounded<T>(random_array(shape<4>{{5, h, w, 3}}, "x", 0, 1));
            const auto got = made<T>(ctx, x, draws);
            check_close(got, wanted(x, draws), tolerance<T>(8, 2));
            CHECK(std::ranges::all_of(got.data, [](double v) { return v >= 0 && v <= 1; }));
        }
    });
}

TEMPLATE_LIST_TEST_CASE("jitter_image: a whole number of pixels moves a picture, its border stays",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const auto x = rounded<float>(random_array(shape<4>{{1, 8, 8, 3}}, "x", 0, 1));
    const auto y = made<float>(ctx, x, {{1, 1, 0.25f, -0.125f, 1}}); // 2 down, 1 to the left
    for (std::int64_t i = 0; i < 8; ++i)
        for (std::int64_t j = 0; j < 8; ++j)
            CHECK(y(0, i, j, 1) == Approx(x(0, std::max<std::int64_t>(i - 2, 0),
                                            std::min<std::int64_t>(j + 1, 7), 1))
                                       .margin(1e-6));
}

TEST_CASE("jitter_image: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    const auto run = [&](std::int64_t channels, std::int64_t draws) {
        return error_code([&] {
            static_cast<void>(jitter_image(ctx, full(ctx, shape<4>{{2, 4, 4, channels}}, 0.5f),
                                           full(ctx, shape<1>{{draws}}, jitter_draw())));
        });
    };
    CHECK_FALSE(run(3, 2));
    CHECK(run(1, 2) == errc::shape);
    CHECK(run(3, 1) == errc::shape);
}
