#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/autograd/tape.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/fill.hpp>
#include <pfad/ops/multiply.hpp>

#include <memory>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

variable<double, 1> scalar(cpu::context& ctx, double value) {
    return leaf(full(ctx, shape<1>{{1}}, value));
}

} // namespace

TEST_CASE("tape: the gradient of x^3 + x by reuse of one variable", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto x = scalar(ctx, 3);
    const auto square = multiply(t, x, x);
    const auto y = add(t, multiply(t, square, x), x);
    CHECK(y.value.data()[0] == 30);
    t.backward(y);
    CHECK(x.gradient().data()[0] == 28);
}

TEST_CASE("tape: closures run last to first, once, and are destroyed at once", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    std::vector<int> order;
    const auto kept = std::make_shared<int>(0);
    std::vector<long> holders;
    for (int i = 0; i < 3; ++i)
        t.record([&order, &holders, i, kept](cpu::context&) {
            order.push_back(i);
            holders.push_back(kept.use_count());
        });
    CHECK(kept.use_count() == 4);
    t.run();
    CHECK(order == std::vector<int>{2, 1, 0});
    CHECK(holders == std::vector<long>{4, 3, 2});
    CHECK(kept.use_count() == 1);
    t.run();
    CHECK(order.size() == 3);
}

TEST_CASE("tape: what is recorded for a result gets its gradient, where there is one",
          "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto used = scalar(ctx, 2), unused = scalar(ctx, 2);
    const auto none = constant(used.value);
    std::vector<double> seen;
    for (const auto& y : {used, unused, none})
        t.record(y, [&seen, owned = std::make_unique<int>(7)](cpu::context&, in<double, 1> gy) {
            seen.push_back(*owned * gy.data[0]);
        });
    t.backward(used);
    CHECK(seen == std::vector<double>{7});
}

TEST_CASE("tape: a closure may own what cannot be copied", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    int seen = 0;
    t.record([&seen, owned = std::make_unique<int>(7)](cpu::context&) { seen = *owned; });
    t.run();
    CHECK(seen == 7);
}

TEST_CASE("tape: evaluation records nothing unless asked to", "[autograd]") {
    cpu::context ctx(1);
    const auto x = scalar(ctx, 2);
    tape<cpu::context> eval(ctx, mode::eval);
    CHECK_FALSE(eval.wants(x));
    CHECK(multiply(eval, x, x).slot == nullptr);
    CHECK(error_code([&] { eval.backward(multiply(eval, x, x)); }) == errc::value);
    tape<cpu::context> asked(ctx, mode::eval, recording::on);
    asked.backward(multiply(asked, x, x));
    CHECK(x.gradient().data()[0] == 4);
}

TEST_CASE("tape: constants and what depends on them alone have no gradient", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto c = constant(full(ctx, shape<1>{{1}}, 5.0));
    const auto x = scalar(ctx, 2);
    const auto cc = multiply(t, c, c);
    CHECK_FALSE(cc.wants_gradient());
    t.backward(multiply(t, x, cc));
    CHECK(x.gradient().data()[0] == 25);
    CHECK(error_code([&] { static_cast<void>(c.gradient()); }) == errc::value);
}

TEST_CASE("tape: a result that the loss does not use is left out", "[autograd]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto x = scalar(ctx, 2), unused = scalar(ctx, 3);
    const auto aside = multiply(t, unused, x);
    const auto y = multiply(t, x, x);
    t.backward(y);
    CHECK(x.gradient().data()[0] == 4);
    CHECK_FALSE(unused.slot->written());
    CHECK_FALSE(aside.slot->written());
}

TEST_CASE("tape: backward returns activations to the pool as it goes", "[autograd]") {
    cpu::context ctx(1);
    const auto x = leaf(full(ctx, shape<1>{{100000}}, 1.0f));
    std::weak_ptr<gradient_slot<float, 1>> inner;
    tape<cpu::context> t(ctx, mode::train);
    auto y = add(t, x, x);
    inner = y.slot;
    y = add(t, y, y);
    t.backward(y);
    CHECK(inner.expired());
}
