#include "support/backends.hpp"
#include "support/catch.hpp"

#include <pfad/autograd/fork_join.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/fill.hpp>

#include <string>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("fork_join: on the host one after the other, the first without gradients", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto x = leaf(full(ctx, shape<1>{{1}}, 3.0));
    std::string order;
    const auto [twice, same] = fork_join(
        t,
        [&](tape<cpu::context>& side) {
            order += "f";
            CHECK(&side.context == &ctx);
            CHECK(side.phase == mode::eval);
            return add(side, x, x);
        },
        [&](tape<cpu::context>& main) {
            order += "g";
            CHECK(&main == &t);
            return add(main, x, x);
        });
    CHECK(order == "fg");
    CHECK(twice.value.data()[0] == 6);
    CHECK(!twice.wants_gradient());
    t.backward(add(t, twice, same));
    CHECK(x.gradient().data()[0] == 2);
}
