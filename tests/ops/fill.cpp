#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/fill.hpp>

#include <algorithm>

using namespace pfad;
using namespace pfad::test;

TEMPLATE_LIST_TEST_CASE("fill: every element and nothing beyond", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        for (const std::int64_t count : {1, 7, 40007}) {
            const guarded<T, 1, TestType> memory(ctx, shape<1>{{count}}, T(0));
            fill_forward(ctx, T(3.5f), memory.tensor().view());
            const auto got = read_elements(ctx, memory.tensor());
            CHECK(std::all_of(got.begin(), got.end(), [](T x) { return x == 3.5f; }));
            CHECK(memory.intact(ctx));
        }
    });
}
