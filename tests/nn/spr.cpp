#include "nn/module_check.hpp"

#include <pfad/nn/spr.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("spr: 6 c^2 / 16 + c / 16 + c parameters", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {16, 32, 64, 256}) {
        nn::spr<float> m(ctx, c);
        CHECK(parameter_count(m) == 6 * c * c / 16 + c / 16 + c);
    }
}

TEMPLATE_LIST_TEST_CASE("spr: gradients of one group and of three", "[nn]", backends) {
    check_block<TestType, nn::spr>(std::tuple(4, 2), run_block,
                                   random_array(shape<4>{{2, 5, 4, 4}}, "x"));
    check_block<TestType, nn::spr>(
        std::tuple(4, 2), [](const auto& m, auto& t, const auto& x) { return m(t, x, 3); },
        random_array(shape<4>{{2, 3, 4, 12}}, "x"));
}

TEST_CASE("spr: a weight in (0, 1) a channel, and groups are described apart", "[nn]") {
    cpu::context ctx(1);
    nn::spr<double> m(ctx, 4, 2);
    fill(m);
    const auto x = random_array(shape<4>{{2, 5, 4, 12}}, "x", -4, 4);
    tape<cpu::context> t(ctx, mode::eval);
    const auto all = download(ctx, m(t, constant(upload<double>(ctx, x)), 3).value);
    REQUIRE(all.dims == shape<4>{{6, 1, 1, 4}});
    for (const double w : all.data) {
        CHECK(w > 0);
        CHECK(w < 1);
    }
    for (std::int64_t group = 0; group < 3; ++group) {
        array<4> part(shape<4>{{2, 5, 4, 4}});
        for (std::int64_t n = 0; n < 2; ++n)
            for (std::int64_t i = 0; i < 5; ++i)
                for (std::int64_t j = 0; j < 4; ++j)
                    for (std::int64_t c = 0; c < 4; ++c)
                        part(n, i, j, c) = x(n, i, j, group * 4 + c);
        const auto one = value_of(ctx, m, mode::eval, part);
        for (std::int64_t n = 0; n < 2; ++n)
            for (std::int64_t c = 0; c < 4; ++c)
                CHECK(all(3 * n + group, 0, 0, c) == Approx(one(n, 0, 0, c)).epsilon(1e-12));
    }
}
