#include "optim/network.hpp"
#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/residual_block.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/optim/sgd.hpp>

#include <cmath>

using namespace pfad;
using namespace pfad::test;

namespace {

// The update of one group, by hand.
struct by_hand {
    double rate, momentum, decay;
    std::vector<double> w, v;

    void step(const std::vector<double>& g) {
        v.resize(w.size());
        for (std::size_t i = 0; i < w.size(); ++i) {
            v[i] = momentum * v[i] + (g[i] + decay * w[i]);
            w[i] -= rate * v[i];
        }
    }
};

void check_same(const std::vector<double>& got, const std::vector<double>& want) {
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(got[i] == Approx(want[i]).epsilon(1e-14).margin(1e-15));
}

std::vector<double> numbers(std::size_t count, const std::string& name) {
    return random_array(shape<1>{{static_cast<std::int64_t>(count)}}, name).data;
}

} // namespace

TEST_CASE("sgd: four steps of two groups are those of a loop by hand", "[optim]") {
    cpu::context ctx(2);
    toy_network m(ctx);
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    by_hand front{0.5, 0.9, 0.01, values_of(m.conv), {}};
    by_hand back{0.125, 0.9, 0.01, values_of(m.out), {}};
    const auto untouched = values_of(m.norm);
    sgd<double> optimiser(ctx, {.momentum = 0.9, .weight_decay = 0.01},
                          std::tuple(parameter_group(m.conv, 0.5), parameter_group(m.out, 0.125)));
    for (const std::string step : {"a", "b", "c", "d"}) {
        const auto g = numbers(front.w.size(), step), h = numbers(back.w.size(), step + "2");
        set_gradients(ctx, m.conv, g);
        set_gradients(ctx, m.out, h);
        optimiser.step(ctx);
        front.step(g);
        back.step(h);
    }
    check_same(values_of(m.conv), front.w);
    check_same(values_of(m.out), back.w);
    CHECK(values_of(m.norm) == untouched); // in no group
}

TEST_CASE("sgd: a parameter without gradient still decays and keeps its momentum", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    by_hand conv{0.5, 0.9, 0.01, values_of(m.conv), {}};
    sgd<double> optimiser(ctx, {.momentum = 0.9, .weight_decay = 0.01},
                          std::tuple(parameter_group(m.conv, 0.5)));
    const auto g = numbers(conv.w.size(), "g");
    set_gradients(ctx, m.conv, g);
    optimiser.step(ctx);
    conv.step(g);
    optimiser.step(ctx); // no backward pass since: the old gradient must not count again
    conv.step(std::vector<double>(g.size()));
    check_same(values_of(m.conv), conv.w);
}

TEST_CASE("sgd: gradients of several uses add up within a step and start anew after it",
          "[optim]") {
    cpu::context ctx(1);
    nn::conv2d<double> m(ctx, {.in = 1, .out = 1, .kernel = 1});
    elements(m.weight)[0] = 2;
    sgd<double> optimiser(ctx, {.momentum = 0, .weight_decay = 0},
                          std::tuple(parameter_group(m, 0.25)));
    for (const double wanted : {2 - 0.25 * 4, 2 - 0.25 * 8}) {
        tape<cpu::context> t(ctx, mode::train);
        const auto x = constant(full(ctx, shape<4>{{1, 1, 2, 1}}, 1.0));
        const auto y = add(t, m(t, x), m(t, x)); // each use brings 1 + 1
        const auto target = y.slot->claim(ctx, y.dims());
        std::fill_n(target.to.data, 2, 1.0);
        t.run();
        optimiser.step(ctx);
        CHECK(m.weight.value.data()[0] == wanted);
    }
}

TEST_CASE("sgd: rates are scaled from one update to the next", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    sgd<double> optimiser(ctx, {.momentum = 0, .weight_decay = 0},
                          std::tuple(parameter_group(m, 0.5)));
    const auto g = numbers(values_of(m).size(), "g");
    auto wanted = values_of(m);
    for (const double factor : {0.25, 1.0, 0.0}) {
        optimiser.scale_rates(ctx, factor);
        set_gradients(ctx, m, g);
        optimiser.step(ctx);
        for (std::size_t i = 0; i < wanted.size(); ++i)
            wanted[i] -= 0.5 * factor * g[i];
        CHECK(values_of(m) == wanted);
    }
}

TEST_CASE("sgd: an update marks the parameters as changed", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    sgd<double> optimiser(ctx, {}, std::tuple(parameter_group(m, 0.5)));
    const auto before = m.conv.weight.stamp.version();
    optimiser.step(ctx);
    CHECK(m.conv.weight.stamp.version() > before);
}

TEST_CASE("sgd: velocities are what the next step continues from", "[optim]") {
    cpu::context ctx(1);
    toy_network a(ctx), b(ctx);
    initialise(a, "m", initialiser::kaiming_fan_out, 1);
    const auto g = numbers(values_of(a).size(), "g");
    const auto list = [](auto& m) { return std::tuple(parameter_group(m, 0.5)); };
    sgd<double> first(ctx, {}, list(a));
    set_gradients(ctx, a, g);
    first.step(ctx);
    // b takes over values and velocities after a's first step.
    std::size_t at = 0;
    const auto values = values_of(a);
    visit_parameters(b, "", [&](const auto&, auto& p) {
        for (double& value : elements(p))
            value = values[at++];
    });
    sgd<double> second(ctx, {}, list(b));
    REQUIRE(second.velocities().size() == first.velocities().size());
    std::copy_n(first.velocities().data(), first.velocities().size(), second.velocities().data());
    set_gradients(ctx, a, g);
    set_gradients(ctx, b, g);
    first.step(ctx);
    second.step(ctx);
    CHECK(values_of(a) == values_of(b));
}

namespace {

template <class T, class S>
struct tiny_segmenter {
    nn::residual_block<T, S> block;
    nn::conv2d<T, S> out;

    template <class C>
    explicit tiny_segmenter(C& ctx)
        : block(ctx, 3, 8, 1, {.pcar = true, .aff = true}),
          out(ctx, {.in = 8, .out = 1, .kernel = 1, .bias = true}) {}
    auto fields() { return pfad::fields("block", block, "out", out); }
};

} // namespace

TEMPLATE_LIST_TEST_CASE("sgd: one batch can be learned by heart", "[optim]", backends) {
    using space = typename TestType::space;
    cpu::context plain(1);
    auto ctx = make_context<TestType>(2);
    tiny_segmenter<float, host> start(plain);
    initialise(start, "m", initialiser::kaiming_fan_out, 3);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        INFO(sizeof(T) * 8 << " bit");
        tiny_segmenter<float, space> exact(ctx);
        copy_arrays(ctx, start, exact);
        tiny_segmenter<T, space> rounded(ctx);
        auto& m = [&]() -> auto& {
            if constexpr (std::is_same_v<T, float>)
                return exact;
            else
                return rounded;
        }
        ();
        const auto x = upload<T>(ctx, random_array(shape<4>{{2, 8, 8, 3}}, "pictures"));
        const auto mask = upload<T>(ctx, random_mask(shape<4>{{2, 8, 8, 1}}, "mask"));
        sgd<T, space> optimiser(ctx, {}, std::tuple(parameter_group(m, 0.05)),
                                std::tuple(parameter_group(exact, 0.05)));
        double first = 0, last = 0;
        for (int step = 0; step < 200; ++step) {
            tape<TestType> t(ctx, mode::train);
            const auto logits = m.out(t, m.block(t, constant(x)));
            const auto loss = focal_l1_loss(t, logits, mask);
            t.backward(loss.total);
            optimiser.step(ctx);
            last = download(ctx, loss.total.value)(0);
            first = step == 0 ? last : first;
        }
        CHECK(first > 0.3);
        CHECK(last < 0.1 * first);
    });
}

TEMPLATE_LIST_TEST_CASE(
    "sgd: bf16 follows the exact values, and shares with them what is not rounded",
    "[optim]",
    backends) {
    using space = typename TestType::space;
    cpu::context plain(1);
    auto ctx = make_context<TestType>(2);
    tiny_segmenter<float, host> start(plain);
    initialise(start, "m", initialiser::kaiming_fan_out, 3);
    tiny_segmenter<float, space> exact(ctx);
    copy_arrays(ctx, start, exact);
    tiny_segmenter<bf16, space> m(ctx);
    sgd<bf16, space> optimiser(ctx, {.momentum = 0, .weight_decay = 0},
                               std::tuple(parameter_group(m, 1.0)),
                               std::tuple(parameter_group(exact, 1.0)));
    const auto same = [&] {
        visit_pairs(m, exact, [&](auto& p, auto& q) {
            const auto got = download(ctx, p.value), want = download(ctx, q.value);
            if constexpr (std::is_same_v<decltype(p.value), decltype(q.value)>)
                CHECK(p.value.data() == q.value.data());
            else
                CHECK(same_bits(got, rounded<bf16>(want)));
        });
    };
    same();
    // A thousand updates of 2^-12 are a quarter, of which a weight of bf16 would see nothing.
    for (int step = 0; step < 1000; ++step) {
        visit_parameters(m, "", [&](const auto&, auto& p) {
            const auto target = p.slot->claim(ctx, p.dims());
            fill_forward(ctx, -0x1p-12f, target.to.flat());
        });
        optimiser.step(ctx);
    }
    same();
    const auto before = download(plain, start.block.conv1.weight.value);
    const auto after = download(ctx, exact.block.conv1.weight.value);
    for (std::size_t i = 0; i < before.data.size(); ++i)
        CHECK(after.data[i] - before.data[i] == Approx(0.244140625).epsilon(1e-4));
}
