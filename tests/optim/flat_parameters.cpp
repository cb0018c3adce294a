#include "optim/network.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/optim/flat_parameters.hpp>

#include <cstdint>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("flat_parameters: values stay and move into one block", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    const auto before = values_of(m);
    const auto version = m.conv.weight.stamp.version();
    flat_parameters<double> flat(ctx, std::tuple(parameter_group(m, 0.5)));
    CHECK(values_of(m) == before);
    CHECK(m.conv.weight.stamp.version() > version);
    const double* last = flat.values.data();
    visit_parameters(m, "", [&](const std::string& name, auto& p) {
        INFO(name);
        CHECK(p.value.data() >= last);
        CHECK((p.value.data() - flat.values.data()) % 16 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(p.value.data()) % 64 == 0);
        last = p.value.data() + p.value.size();
        // The gradient lies at the same place of its own block.
        const auto target = p.slot->claim(ctx, p.dims());
        CHECK(target.how == store::set);
        CHECK(target.to.data - flat.gradients.data() == p.value.data() - flat.values.data());
    });
    CHECK(last <= flat.values.data() + flat.values.size());
    CHECK(flat.gradients.size() == flat.values.size());
    CHECK(flat.velocities.size() == flat.values.size());
    // What is written into the block is what the network sees.
    *(m.conv.weight.value.data() - flat.values.data() + flat.values.data()) = 17;
    CHECK(values_of(m)[0] == 17);
}

TEST_CASE("flat_parameters: a copy made before keeps the old memory", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    auto copy = m.conv.weight;
    const double kept = copy.value.data()[0];
    flat_parameters<double> flat(ctx, std::tuple(parameter_group(m, 0.5)));
    elements(m.conv.weight)[0] = kept + 1;
    CHECK(copy.value.data()[0] == kept);
}

TEST_CASE("flat_parameters: groups cover the block, each with its rate", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    flat_parameters<double> flat(
        ctx, std::tuple(parameter_group(m.out, 0.5), parameter_group(m.conv, 0.25)));
    REQUIRE(flat.groups().size() == 2);
    const auto first = flat.groups()[0], second = flat.groups()[1];
    CHECK(first.offset == 0);
    CHECK(first.size == 32); // 3 weights and 1 bias, each rounded up to 16
    CHECK(first.rate == 0.5);
    CHECK(second.offset == 32);
    CHECK(second.size == 64 + 16); // 54 weights, 3 biases
    CHECK(second.rate == 0.25);
    CHECK(flat.values.size() == 112);
    CHECK(m.out.weight.value.data() == flat.values.data());
    CHECK(m.conv.weight.value.data() == flat.values.data() + 32);
}

TEST_CASE("flat_parameters: gradients that nothing reached are completed with zeros", "[optim]") {
    cpu::context ctx(1);
    toy_network m(ctx);
    flat_parameters<double> flat(ctx, std::tuple(parameter_group(m, 0.5)));
    std::fill_n(flat.gradients.data(), flat.gradients.size(), 5.0);
    const auto target = m.out.bias->slot->claim(ctx, m.out.bias->dims());
    target.to.data[0] = 3;
    flat.complete_gradients(ctx);
    CHECK(m.out.bias->slot->gradient().data()[0] == 3);
    for (std::int64_t i = 0; i < m.conv.weight.value.size(); ++i)
        CHECK(m.conv.weight.slot->gradient().data()[i] == 0);
    flat.finish();
    CHECK_FALSE(m.out.bias->slot->written());
}
