#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/autograd/parameter.hpp>
#include <pfad/autograd/variable.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("gradient_slot: the first writer sets, later ones add, reset starts again",
          "[autograd]") {
    cpu::context ctx(1);
    gradient_slot<float, 2> slot;
    const shape<2> dims = {{2, 3}};
    CHECK_FALSE(slot.written());
    const auto first = slot.claim(ctx, dims);
    CHECK(first.how == store::set);
    CHECK(first.to.dims == dims);
    CHECK(slot.written());
    const auto second = slot.claim(ctx, dims);
    CHECK(second.how == store::add);
    CHECK(second.to.data == first.to.data);
    slot.reset();
    CHECK_FALSE(slot.written());
    const auto third = slot.claim(ctx, dims);
    CHECK(third.how == store::set);
    CHECK(third.to.data == first.to.data);
}

TEST_CASE("gradient_slot: uses the memory that it is given, of the right shape", "[autograd]") {
    cpu::context ctx(1);
    gradient_slot<float, 1> slot;
    const auto memory = empty<float>(ctx, shape<1>{{4}});
    slot.place(memory);
    CHECK(slot.claim(ctx, {{4}}).to.data == memory.data());
    CHECK(error_code([&] { static_cast<void>(slot.claim(ctx, {{5}})); }) == errc::shape);
}

TEST_CASE("variable: a gradient is there only after it was written", "[autograd]") {
    cpu::context ctx(1);
    const auto x = leaf(full(ctx, shape<1>{{2}}, 1.0f));
    CHECK(x.wants_gradient());
    CHECK(error_code([&] { static_cast<void>(x.gradient()); }) == errc::value);
    static_cast<void>(x.slot->claim(ctx, x.dims()));
    CHECK_NOTHROW(x.gradient());
    CHECK_FALSE(constant(x.value).wants_gradient());
}

TEST_CASE("parameter: copies share value, gradient and stamp", "[autograd]") {
    cpu::context ctx(1);
    parameter<float, 1> a;
    a.value = full(ctx, shape<1>{{2}}, 1.0f);
    auto b = a;
    CHECK(b.slot == a.slot);
    b.stamp.touch();
    CHECK(a.stamp.version() == 1);
    CHECK(a.stamp.identity() == b.stamp.identity());
    CHECK(parameter<float, 1>().stamp.identity() != a.stamp.identity());
    CHECK(a.form == parameter_form::same);
    CHECK(parameter<float, 2>().form == parameter_form::same);
    CHECK(parameter<float, 4>().form == parameter_form::conv);
}

TEST_CASE("weight_stamp: the default one names nothing", "[autograd]") {
    weight_stamp none;
    none.touch();
    CHECK(none.version() == 0);
    CHECK(none.identity() == nullptr);
}
