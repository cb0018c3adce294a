#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/sentence.hpp"

#include <pfad/core/element.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>

#include <cstdint>

using namespace pfad;
using pfad::test::error_code;

TEST_CASE("tensor: copies share the elements, clone does not", "[core]") {
    cpu::context ctx(1);
    const auto a = full(ctx, shape<2>{{2, 3}}, 1.5f);
    const auto b = a;
    const auto c = clone(ctx, a);
    a.data()[5] = 9;
    CHECK(b.data()[5] == 9);
    CHECK(c.data()[5] == 1.5f);
    CHECK(c.dims() == a.dims());
    CHECK(a.size() == 6);
}

TEST_CASE("tensor: an empty handle holds nothing", "[core]") {
    const tensor<float, 4> none;
    CHECK_FALSE(none);
    CHECK(none.size() == 0);
    CHECK(none.view().data == nullptr);
}

TEST_CASE("tensor: no elements is not the same as no tensor", "[core]") {
    cpu::context ctx(1);
    const auto x = empty<float>(ctx, shape<2>{{0, 3}});
    CHECK(x);
    CHECK(x.size() == 0);
    CHECK(error_code([&] {
              static_cast<void>(empty<float>(ctx, shape<2>{{-1, -3}}));
          }) == errc::shape);
}

TEST_CASE("tensor: a size beyond 64 bits is refused", "[core]") {
    cpu::context ctx(1);
    constexpr std::int64_t large = std::int64_t(1) << 32, most = (std::int64_t(1) << 62) - 1;
    for (const auto& dims : {shape<3>{{large, large, 1}}, shape<3>{{0, large, large}},
                             shape<3>{{large, 1 << 29, 1}}, shape<3>{{most, 1, 1}}})
        CHECK(sentence_of(errc::shape, [&] { static_cast<void>(empty<float>(ctx, dims)); }) ==
              "empty: the size in bytes is within 64 bits, got " + to_string(dims));
    CHECK(empty<float>(ctx, shape<3>{{0, large, 1 << 28}}).size() == 0);
}

TEST_CASE("tensor: reshape and slice share the memory and check", "[core]") {
    cpu::context ctx(1);
    const auto x = full(ctx, shape<2>{{4, 3}}, 0.0);
    const auto row = x.slice(3, shape<1>{{3}});
    row.data()[0] = 7;
    CHECK(x.view()(1, 0) == 7);
    CHECK(x.reshape(shape<3>{{2, 2, 3}}).view()(0, 1, 0) == 7);
    CHECK(x.flat().data()[3] == 7);
    CHECK(error_code([&] { static_cast<void>(x.reshape(shape<1>{{11}})); }) == errc::shape);
    CHECK(error_code([&] { static_cast<void>(x.slice(10, shape<1>{{3}})); }) == errc::shape);
    CHECK(error_code([&] { static_cast<void>(x.slice(-1, shape<1>{{3}})); }) == errc::shape);
    CHECK_NOTHROW(x.slice(9, shape<1>{{3}}));
}

TEST_CASE("tensor: outlives its context", "[core]") {
    tensor<float, 1> x;
    {
        cpu::context ctx(1);
        x = full(ctx, shape<1>{{1000}}, 2.0f).slice(500, shape<1>{{10}});
    }
    CHECK(x.data()[9] == 2.0f);
}

TEST_CASE("put: sets or adds", "[core]") {
    double x = std::numeric_limits<double>::quiet_NaN();
    put(x, 2.0, store::set);
    CHECK(x == 2);
    put(x, 3.0, store::add);
    CHECK(x == 5);
}
