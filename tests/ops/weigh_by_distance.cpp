#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/weigh_by_distance.hpp>

#include <algorithm>
#include <optional>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> wanted(const array<4>& x, const array<4>& m, int levels) {
    array<4> y = m;
    const std::size_t c = static_cast<std::size_t>(x.extent(3));
    for (std::size_t pixel = 0; pixel < y.data.size(); ++pixel) {
        double cosines = 0;
        for (std::size_t i = 0; i < c; ++i)
            cosines += x.data[pixel * c + i];
        y.data[pixel] *= std::clamp(1 - cosines / levels, 0.0, 1.0);
    }
    return y;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("weigh_by_distance: value, its place, and the same bits",
                        "[ops]",
                        backends) {
    for (const shape<4>& dims : {shape<4>{2, 3, 5, 448}, shape<4>{1, 7, 4, 13},
                                 shape<4>{1, 1, 1, 1}, shape<4>{1, 2, 3, 40}})
        for_each_element<TestType>([&](auto of) {
            using T = decltype(of);
            INFO(to_string(dims) << " in " << sizeof(T) * 8 << " bits");
            shape<4> one = dims;
            one.extent[3] = 1;
            // Sums from below 0 to above 3.
            const double size = 6.0 / static_cast<double>(dims[3]);
            const auto x = rounded<T>(random_array(dims, "x", -0.1 * size, size));
            const auto m = rounded<T>(random_array(one, "m", 0, 1));
            const auto want = wanted(x, m, 3);
            std::optional<array<4>> first;
            for_each_schedule<TestType>([&](TestType& ctx) {
                const guarded<T, 4, TestType> memory(ctx, one, T(3));
                weigh_by_distance_forward(ctx, upload<T>(ctx, x), upload<T>(ctx, m), 3,
                                          memory.tensor().view());
                const auto got = download(ctx, memory.tensor());
                check_close(got, want, tolerance<T>(static_cast<double>(dims[3]), 2));
                CHECK(memory.intact(ctx));
                if (first)
                    CHECK(same_bits(got, *first));
                first = got;
            });
        });
}

TEMPLATE_LIST_TEST_CASE(
    "weigh_by_distance: where the levels agree nothing is left, where nothing does all",
    "[ops]",
    backends) {
    auto ctx = make_context<TestType>(1);
    const auto found = [&](double cosine) {
        const auto y =
            weigh_by_distance(ctx, upload<float>(ctx, array<4>(shape<4>{1, 1, 2, 3}, cosine)),
                              upload<float>(ctx, array<4>(shape<4>{1, 1, 2, 1}, 0.75)), 3);
        return download(ctx, y).data[1];
    };
    CHECK(found(1) == 0);
    CHECK(found(1.5) == 0);
    CHECK(found(0) == 0.75);
    CHECK(found(-1) == 0.75);
    CHECK(found(0.5) == 0.375);
}

TEST_CASE("weigh_by_distance: refuses extents that do not fit, and no level", "[ops]") {
    cpu::context ctx(1);
    const auto run = [&](const shape<4>& x, const shape<4>& m, int levels) {
        return error_code([&] {
            static_cast<void>(
                weigh_by_distance(ctx, full(ctx, x, 0.5f), full(ctx, m, 0.5f), levels));
        });
    };
    CHECK_FALSE(run({2, 3, 4, 5}, {2, 3, 4, 1}, 1));
    CHECK(run({2, 3, 4, 5}, {2, 4, 3, 1}, 1) == errc::shape);
    CHECK(run({2, 3, 4, 5}, {2, 3, 4, 5}, 1) == errc::shape);
    CHECK(run({2, 3, 4, 5}, {2, 3, 4, 1}, 0) == errc::value);
}
