#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/branch_pyramid_pool.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

struct span {
    std::int64_t begin, end;
};

// The whole extent (0), its first half (1), its second half (2).
span part(std::int64_t extent, int which) {
    return {which == 2 ? extent / 2 : 0, which == 1 ? (extent + 1) / 2 : extent};
}

// The mean over a part of the image of one output channel of the convolution.
double mean(const array<4>& x,
            const array<4>& w,
            std::int64_t n,
            std::int64_t channel,
            span rows,
            span columns) {
    double sum = 0;
    for (std::int64_t i = rows.begin; i < rows.end; ++i)
        for (std::int64_t j = columns.begin; j < columns.end; ++j)
            for (std::int64_t r = 0; r < 3; ++r)
                for (std::int64_t s = 0; s < 3; ++s)
                    for (std::int64_t c = 0; c < x.extent(3); ++c) {
                        const std::int64_t p = i + r - 1, q = j + s - 1;
                        if (p >= 0 && p < x.extent(1) && q >= 0 && q < x.extent(2))
                            sum += x(n, p, q, c) * w(channel, r, s, c);
                    }
    return sum / static_cast<double>((rows.end - rows.begin) * (columns.end - columns.begin));
}

array<4> reference(const array<4>& x, const array<4>& w, std::int64_t branches) {
    const std::int64_t h = x.extent(1), wd = x.extent(2), k = w.extent(0) / branches;
    array<4> y(shape<4>{{x.extent(0) * branches, 1, 1, 5 * k}});
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t channel = 0; channel < branches * k; ++channel) {
            const std::int64_t to = n * branches + channel / k, i = channel % k;
            y(to, 0, 0, i) = mean(x, w, n, channel, part(h, 0), part(wd, 0));
            for (int p = 0; p < 2; ++p)
                for (int q = 0; q < 2; ++q)
                    y(to, 0, 0, k + 4 * i + 2 * p + q) =
                        mean(x, w, n, channel, part(h, 1 + p), part(wd, 1 + q));
        }
    return y;
}

struct size {
    shape<4> x;
    std::int64_t k;
    int branches;
};

template <class Context>
void check_size(const size& z, thorough how) {
    INFO(to_string(z.x) << " to " << z.branches << " x " << z.k);
    check_op<Context>(
        [&](auto& t, const auto& x, const auto& w) {
            return branch_pyramid_pool(t, x, as_parameter(t, w), z.branches);
        },
        [&](const array<4>& x, const array<4>& w) { return reference(x, w, z.branches); }, how,
        static_cast<double>(9 * z.x[3] + z.branches * z.k), 1, random_array(z.x, "x"),
        random_array(shape<4>{{z.branches * z.k, 3, 3, z.x[3]}}, "w"));
}

} // namespace

TEMPLATE_LIST_TEST_CASE("branch_pyramid_pool: value and gradients", "[ops]", backends) {
    for (const size& z :
         {size{{{2, 6, 8, 3}}, 2, 3}, size{{{1, 5, 7, 4}}, 4, 2}, size{{{2, 1, 1, 2}}, 3, 1},
          size{{{1, 2, 3, 1}}, 1, 3}, size{{{1, 1, 4, 2}}, 2, 2}, size{{{1, 4, 9, 8}}, 3, 1}})
        check_size<TestType>(z, thorough::everything);
    check_size<TestType>({{{2, 23, 32, 16}}, 16, 3}, thorough::value_and_bits);
}

TEST_CASE("branch_pyramid_pool: zones cut what they must, at every extent", "[ops]") {
    for (std::int64_t extent = 1; extent <= 20; ++extent) {
        const tap_zones zones(extent);
        CHECK(zones.begin[0] == 0);
        CHECK(zones.begin[tap_zones::count] == extent);
        for (std::int64_t at = 0; at < extent; ++at) {
            const int zone = zones.zone_of(at);
            CHECK(zones.begin[zone] <= at);
            CHECK(at < zones.begin[zone + 1]);
            for (int which = 0; which < 3; ++which)
                for (int tap = 0; tap < 3; ++tap)
                    CHECK(zones.reads(zone, which, tap) ==
                          (at >= part(extent, which).begin + tap - 1 &&
                           at < part(extent, which).end + tap - 1));
        }
    }
}

TEST_CASE("branch_pyramid_pool: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& w, int branches) {
        return error_code([&] {
            branch_pyramid_pool(t, constant(full(ctx, x, 1.0f)),
                                as_parameter(constant(full(ctx, w, 1.0f))), branches);
        });
    };
    CHECK_FALSE(run({{2, 3, 3, 4}}, {{6, 3, 3, 4}}, 3));
    CHECK(run({{2, 3, 3, 4}}, {{6, 3, 3, 4}}, 0) == errc::value);
    CHECK(run({{2, 3, 3, 4}}, {{6, 3, 3, 4}}, 4) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{6, 3, 3, 5}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{6, 1, 1, 4}}, 3) == errc::shape);
    CHECK(run({{2, 0, 3, 4}}, {{6, 3, 3, 4}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 4}}, {{0, 3, 3, 4}}, 3) == errc::shape);
}
