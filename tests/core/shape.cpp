#include "support/catch.hpp"

#include <pfad/core/shape.hpp>
#include <pfad/core/view.hpp>

using namespace pfad;

TEST_CASE("shape: size, comparison and text", "[core]") {
    constexpr shape<4> dims = {{2, 3, 5, 7}};
    static_assert(dims.size() == 210);
    static_assert(dims[3] == 7);
    static_assert(std::is_same_v<decltype(shape{1, 2, 3}), shape<3>>);
    CHECK(dims == shape<4>{{2, 3, 5, 7}});
    CHECK_FALSE(dims == shape<4>{{2, 3, 7, 5}});
    CHECK(shape<2>{{0, 9}}.size() == 0);
    CHECK(to_string(dims) == "(2, 3, 5, 7)");
    CHECK(to_string(shape<1>{{4}}) == "(4)");
    // More elements than an int counts.
    CHECK(shape<2>{{1 << 20, 1 << 20}}.size() == std::int64_t(1) << 40);
}

TEST_CASE("view: the last axis is contiguous", "[core]") {
    int data[24];
    for (int i = 0; i < 24; ++i)
        data[i] = i;
    const view<int, 3> v = {data, {{2, 3, 4}}};
    CHECK(v(0, 0, 1) == 1);
    CHECK(v(0, 1, 0) == 4);
    CHECK(v(1, 2, 3) == 23);
    CHECK(v.extent(1) == 3);
    const view<const int, 3> fixed = v;
    CHECK(fixed.data == data);
    CHECK(v.flat().size() == 24);
    v(1, 0, 0) = -1;
    CHECK(data[12] == -1);
}
