#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/add.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

const auto op = [](auto& t, const auto& a, const auto& b) { return add(t, a, b); };
const auto wanted = [](auto a, const auto& b) {
    for (std::size_t i = 0; i < a.data.size(); ++i)
        a.data[i] += b.data[i];
    return a;
};

} // namespace

TEMPLATE_LIST_TEST_CASE("add: value and gradients", "[ops]", backends) {
    for (const shape<4>& x : {shape<4>{{1, 1, 1, 1}}, shape<4>{{2, 3, 5, 7}}})
        check_op<TestType>(op, wanted, thorough::everything, 1, 2, random_array(x, "a"),
                           random_array(x, "b"));
    check_op<TestType>(op, wanted, thorough::everything, 1, 2, random_array(shape<1>{{5}}, "a"),
                       random_array(shape<1>{{5}}, "b"));
    check_op<TestType>(op, wanted, thorough::value_and_bits, 1, 2,
                       random_array(shape<2>{{211, 307}}, "a"),
                       random_array(shape<2>{{211, 307}}, "b"));
}

TEST_CASE("add: an input used twice gets both gradients", "[ops]") {
    cpu::context ctx(1);
    auto twice = [](auto& t, const auto& x) { return add(t, x, x); };
    const auto result = evaluate<double>(ctx, twice, random_array(shape<1>{{9}}, "x"));
    const auto g = cotangent(shape<1>{{9}});
    for (std::int64_t i = 0; i < 9; ++i)
        CHECK(std::get<0>(result.gradients)(i) == 2 * g(i));
}

TEST_CASE("add: refuses different shapes", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(error_code([&] {
              add(t, constant(full(ctx, shape<2>{{2, 3}}, 1.0f)),
                  constant(full(ctx, shape<2>{{3, 2}}, 1.0f)));
          }) == errc::shape);
}
