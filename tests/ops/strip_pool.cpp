#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/strip_pool.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> reference(const array<4>& x) {
    array<4> y(x.dims);
    const std::int64_t h = x.extent(1), w = x.extent(2);
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t i = 0; i < h; ++i)
            for (std::int64_t j = 0; j < w; ++j)
                for (std::int64_t c = 0; c < x.extent(3); ++c) {
                    for (std::int64_t q = 0; q < w; ++q)
                        y(n, i, j, c) += x(n, i, q, c) / static_cast<double>(w);
                    for (std::int64_t p = 0; p < h; ++p)
                        y(n, i, j, c) += x(n, p, j, c) / static_cast<double>(h);
                }
    return y;
}

const auto op = [](auto& t, const auto& x) { return strip_pool(t, x); };

} // namespace

TEMPLATE_LIST_TEST_CASE("strip_pool: value and gradient [ops]", "[ops]", backends) {
    for (const shape<4>& x :
         {shape<4>{{1, 1, 1, 1}}, shape<4>{{2, 5, 7, 3}}, shape<4>{{1, 1, 6, 5}},
          shape<4>{{3, 13, 1, 2}}, shape<4>{{2, 9, 10, 8}}}) {
        INFO(to_string(x));
        check_op<TestType>(op, reference, thorough::everything, 4, 2, random_array(x, "x"));
    }
    // Several chunks of rows a sample.
    check_op<TestType>(op, reference, thorough::value_and_bits, 4, 2,
                       random_array(shape<4>{{2, 61, 43, 11}}, "x"));
}

TEST_CASE("strip_pool: refuses an image without pixels [ops]", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(error_code([&] {
              strip_pool(t, constant(full(ctx, shape<4>{{1, 0, 3, 2}}, 1.0f)));
          }) == errc::shape);
    CHECK(error_code([&] {
              strip_pool(t, constant(full(ctx, shape<4>{{1, 3, 0, 2}}, 1.0f)));
          }) == errc::shape);
}
