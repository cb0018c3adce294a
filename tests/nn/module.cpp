#include "nn/module_check.hpp"

#include <pfad/nn/named_arrays.hpp>
#include <pfad/nn/pcar.hpp>
#include <pfad/nn/rcm.hpp>
#include <pfad/nn/residual_block.hpp>

#include <numeric>
#include <set>

using namespace pfad;
using namespace pfad::test;

namespace {

struct pair_of_layers {
    nn::conv2d<float> conv;
    std::vector<nn::batch_norm<float>> norms;
    std::optional<nn::conv2d<float>> absent;

    explicit pair_of_layers(cpu::context& ctx) : conv(ctx, {.in = 2, .out = 3, .bias = true}) {
        norms.emplace_back(ctx, 3);
        norms.emplace_back(ctx, 3);
    }
    auto fields() { return pfad::fields("conv", conv, "norms", norms, "absent", absent); }
};

std::vector<float> values_of(auto& m) {
    std::vector<float> values;
    visit(m, "", [&](const std::string&, auto& p) {
        values.insert(values.end(), p.value.data(), p.value.data() + p.value.size());
    });
    return values;
}

} // namespace

TEST_CASE("module: names are the fields joined by dots, in their order", "[nn]") {
    cpu::context ctx(1);
    pair_of_layers m(ctx);
    std::vector<std::string> names, trained;
    visit(m, "net", [&](const std::string& name, auto&) { names.push_back(name); });
    visit_parameters(m, "", [&](const std::string& name, auto&) { trained.push_back(name); });
    CHECK(names == std::vector<std::string>{
                       "net.conv.weight", "net.conv.bias", "net.norms.0.weight", "net.norms.0.bias",
                       "net.norms.0.running_mean", "net.norms.0.running_var", "net.norms.1.weight",
                       "net.norms.1.bias", "net.norms.1.running_mean", "net.norms.1.running_var"});
    CHECK(trained == std::vector<std::string>{"conv.weight", "conv.bias", "norms.0.weight",
                                              "norms.0.bias", "norms.1.weight", "norms.1.bias"});
    CHECK(parameter_count(m) == 54 + 3 + 12);
}

TEST_CASE("module: initialise depends on seed and name alone", "[nn]") {
    cpu::context ctx(1), other(2);
    constexpr nn::block_kind both = {.pcar = true, .aff = true};
    nn::residual_block<float> a(ctx, 8, 16, 2, both), b(other, 8, 16, 2, both);
    initialise(a, "block", initialiser::kaiming_fan_out, 5);
    fill(b); // what stood there before does not matter
    initialise(b, "block", initialiser::kaiming_fan_out, 5);
    const auto first = values_of(a);
    CHECK(first == values_of(b));
    initialise(b, "block", initialiser::kaiming_fan_out, 6);
    CHECK(first != values_of(b));
    initialise(b, "other", initialiser::kaiming_fan_out, 5);
    CHECK(first != values_of(b));
    // A part of the same full name is the same, whichever module it is initialised through.
    nn::conv2d<float> alone(ctx, {.in = 8, .out = 16, .stride = 2});
    initialise(alone, "block.conv1", initialiser::kaiming_fan_out, 5);
    CHECK(std::equal(elements(alone.weight).begin(), elements(alone.weight).end(),
                     a.conv1.weight.value.data()));
}

TEST_CASE("module: initialise marks parameters as changed", "[nn]") {
    cpu::context ctx(1);
    nn::conv2d<float> m(ctx, {.in = 2, .out = 3});
    const auto before = m.weight.stamp.version();
    initialise(m, "m", initialiser::uniform_fan_in, 1);
    CHECK(m.weight.stamp.version() > before);
}

TEST_CASE("named_arrays: PyTorch's extents and order", "[nn]") {
    cpu::context ctx(1);
    nn::conv2d<double> m(ctx, {.in = 2, .out = 3, .bias = true});
    auto entries = named_arrays<double>(m, "conv");
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].name == "conv.weight");
    CHECK(entries[0].dims == std::vector<std::int64_t>{3, 2, 3, 3});
    CHECK(entries[1].dims == std::vector<std::int64_t>{3});
    std::vector<double> count(54), back(54);
    std::iota(count.begin(), count.end(), 0.0);
    const auto stamp = m.weight.stamp.version();
    entries[0].from_torch(std::span<const double>(count));
    CHECK(m.weight.stamp.version() > stamp);
    // (k, c, r, s) = (2, 1, 0, 2) is number 2 * 18 + 9 + 2; in (k, r, s, c) it stands at (2, 0, 2,
    // 1).
    CHECK(m.weight.value.view()(2, 0, 2, 1) == 47);
    entries[0].to_torch(m.weight.value.data(), std::span<double>(back));
    CHECK(back == count);
}

TEST_CASE("named_arrays: a stacked parameter has a name for every part", "[nn]") {
    cpu::context ctx(1);
    nn::pcar<double> m(ctx, 2);
    auto entries = named_arrays<double>(m, "pcar");
    REQUIRE(entries.size() == 7);
    for (int i = 0; i < 3; ++i) {
        auto& entry = entries[static_cast<std::size_t>(i)];
        CHECK(entry.name == "pcar.convs." + std::to_string(i) + ".weight");
        CHECK(entry.dims == std::vector<std::int64_t>{2, 2, 3, 3});
        CHECK(entry.offset == 36 * i);
        const std::vector<double> values(36, i + 1);
        entry.from_torch(std::span<const double>(values));
    }
    CHECK(m.convs.weight.value.data()[35] == 1);
    CHECK(m.convs.weight.value.data()[36] == 2);
    CHECK(m.convs.weight.value.data()[107] == 3);
}

TEST_CASE("named_arrays: depthwise kernels are (c, 1, r, s)", "[nn]") {
    cpu::context ctx(1);
    nn::depthwise_conv2d<double> m(ctx, 4, 1, 11);
    auto entries = named_arrays<double>(m);
    CHECK(entries[0].dims == std::vector<std::int64_t>{4, 1, 1, 11});
    std::vector<double> count(44);
    std::iota(count.begin(), count.end(), 0.0);
    entries[0].from_torch(std::span<const double>(count));
    CHECK(m.weight.value.view()(0, 0, 3, 2) == 2 * 11 + 3);
}

TEST_CASE("named_arrays: running statistics are not trained and have no gradient", "[nn]") {
    cpu::context ctx(1);
    nn::batch_norm<double> m(ctx, 3);
    const auto entries = named_arrays<double>(m);
    REQUIRE(entries.size() == 4);
    std::set<std::string> names;
    for (const auto& entry : entries) {
        CHECK(entry.trained == !entry.name.starts_with("running"));
        CHECK(entry.gradient() == nullptr);
        names.insert(entry.name);
    }
    CHECK(names == std::set<std::string>{"weight", "bias", "running_mean", "running_var"});
}
