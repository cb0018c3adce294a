#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/sgd.hpp>

using namespace pfad;
using namespace pfad::test;

TEMPLATE_LIST_TEST_CASE("sgd: three steps with momentum and decay", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        using A = accumulator_t<T>;
        for (const std::int64_t count : {1, 37, 40007}) {
            const shape<1> dims = {{count}};
            auto w = random_array(dims, "w");
            array<1> v(dims);
            guarded<A, 1, TestType> weights(ctx, dims, A(0)), velocity(ctx, dims, A(0));
            guarded<T, 1, TestType> copy(ctx, dims, T(7));
            write_elements(ctx, weights.tensor(), elements<A>(w));
            const bool wanted = count != 37;
            const auto scale = upload<A>(ctx, array<1>(shape<1>{{1}}, 0.5));
            for (const char* const name : {"g1", "g2", "g3"}) {
                const auto g = random_array(dims, name);
                sgd_update(ctx, weights.tensor().view(), upload<A>(ctx, g),
                           velocity.tensor().view(), wanted ? copy.tensor().view() : view<T, 1>{},
                           1, scale, {.momentum = 0.9, .weight_decay = 0.25});
                for (std::size_t i = 0; i < w.data.size(); ++i) {
                    v.data[i] = 0.9 * v.data[i] + g.data[i] + 0.25 * w.data[i];
                    w.data[i] -= 0.5 * v.data[i];
                }
            }
            const auto got = download(ctx, weights.tensor());
            check_close(got, w, tolerance<A>(8, 4));
            check_close(download(ctx, velocity.tensor()), v, tolerance<A>(8, 4));
            if (wanted)
                CHECK(same_bits(download(ctx, copy.tensor()), rounded<T>(got)));
            else
                CHECK(read_elements(ctx, copy.tensor())[0] == 7);
            CHECK(weights.intact(ctx));
            CHECK(velocity.intact(ctx));
            CHECK(copy.intact(ctx));
        }
    });
}

TEMPLATE_LIST_TEST_CASE("sgd: the default is momentum 0.9 and decay 1e-4", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const shape<1> one = {{1}};
    const auto w = upload<double>(ctx, array<1>(one, 2)), v = upload<double>(ctx, array<1>(one, 1));
    const auto g = upload<double>(ctx, array<1>(one, 3)),
               full = upload<double>(ctx, array<1>(one, 1));
    sgd_update<double>(ctx, w.view(), g, v.view(), {}, 0.1, full, sgd_options{});
    CHECK(download(ctx, v)(0) == Approx(0.9 + 3 + 2e-4).epsilon(1e-14));
    CHECK(download(ctx, w)(0) == Approx(2 - 0.1 * (0.9 + 3 + 2e-4)).epsilon(1e-14));
}
