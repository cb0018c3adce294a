#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/cast.hpp>

#include <cmath>
#include <limits>

using namespace pfad;
using namespace pfad::test;

namespace {

template <class From, class To, class Context>
void check_cast(Context& ctx) {
    for (const std::int64_t count : {1, 37, 40007}) {
        const shape<1> dims = {{count}};
        const auto x = random_array(dims, "x");
        const guarded<To, 1, Context> y(ctx, dims, To(0));
        cast_forward<From>(ctx, upload<From>(ctx, x), y.tensor().view());
        const auto want = elements<From>(x);
        const auto got = read_elements(ctx, y.tensor());
        for (std::size_t i = 0; i < got.size(); ++i)
            if (!(got[i] == element<To>(static_cast<double>(want[i])))) {
                INFO(count << " elements, element " << i);
                CHECK(static_cast<double>(got[i]) == static_cast<double>(want[i]));
                return;
            }
        CHECK(y.intact(ctx));
    }
}

} // namespace

TEMPLATE_LIST_TEST_CASE("cast: the nearest value of the other type", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    check_cast<float, double>(ctx);
    check_cast<double, float>(ctx);
    check_cast<float, bf16>(ctx);
    check_cast<bf16, float>(ctx);
}

TEMPLATE_LIST_TEST_CASE("cast: ties go to even, infinity and NaN stay", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> values = {1 + 0x1p-8f, 1 + 0x3p-8f, -infinity,
                                       std::numeric_limits<float>::quiet_NaN(), 3.4e38f};
    const auto x = empty<float>(ctx, shape<1>{{5}});
    write_elements(ctx, x, values);
    const auto y = empty<bf16>(ctx, x.dims());
    cast_forward<float>(ctx, x, y.view());
    const auto got = read_elements(ctx, y);
    CHECK(static_cast<float>(got[0]) == 1);
    CHECK(static_cast<float>(got[1]) == 1 + 0x1p-6f);
    CHECK(static_cast<float>(got[2]) == -infinity);
    CHECK(std::isnan(static_cast<float>(got[3])));
    CHECK(static_cast<float>(got[4]) == infinity); // beyond the largest by more than half a step
}
