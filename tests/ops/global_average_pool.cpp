#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/global_average_pool.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> reference(const array<4>& x) {
    array<4> y(shape<4>{{x.extent(0), 1, 1, x.extent(3)}});
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < x.extent(1); ++i)
            for (std::int64_t j = 0; j < x.extent(2); ++j)
                for (std::int64_t c = 0; c < x.extent(3); ++c)
                    y(n, 0, 0, c) += x(n, i, j, c) / static_cast<double>(x.extent(1) * x.extent(2));
    return y;
}

const auto op = [](auto& t, const auto& x) { return global_average_pool(t, x); };

} // namespace

TEMPLATE_LIST_TEST_CASE("global_average_pool: value and gradient", "[ops]", backends) {
    for (const shape<4>& x : {shape<4>{{1, 1, 1, 1}}, shape<4>{{3, 5, 7, 2}},
                              shape<4>{{2, 1, 6, 17}}, shape<4>{{2, 5, 3, 8}}}) {
        INFO(to_string(x));
        check_op<TestType>(op, reference, thorough::everything, 1, 1, random_array(x, "x"));
    }
    // Several chunks a sample.
    check_op<TestType>(op, reference, thorough::value_and_bits, 8, 1,
                       random_array(shape<4>{{2, 63, 65, 33}}, "x"));
}

TEST_CASE("global_average_pool: sums in double", "[ops]") {
    // In float, 2^24 + 1 + 1 + ... never grows.
    cpu::context ctx(1);
    auto x = full(ctx, shape<4>{{1, 1, 1025, 1}}, 1.0f);
    x.data()[0] = 16777216.0f;
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(global_average_pool(t, constant(x)).value.data()[0] ==
          static_cast<float>((16777216.0 + 1024) / 1025));
}

TEST_CASE("global_average_pool: refuses an image without pixels", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(error_code([&] {
              global_average_pool(t, constant(full(ctx, shape<4>{{1, 0, 3, 2}}, 1.0f)));
          }) == errc::shape);
    CHECK(error_code([&] {
              global_average_pool(t, constant(full(ctx, shape<4>{{1, 3, 0, 2}}, 1.0f)));
          }) == errc::shape);
}
