// A network of a few parameters for the optimiser's tests.
#pragma once

#include <pfad/cpu/context.hpp>
#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pfad::test {

struct toy_network {
    nn::conv2d<double> conv;
    nn::batch_norm<double> norm;
    nn::conv2d<double> out;

    explicit toy_network(cpu::context& ctx)
        : conv(ctx, {.in = 2, .out = 3, .bias = true}), norm(ctx, 3),
          out(ctx, {.in = 3, .out = 1, .kernel = 1, .bias = true}) {}

    auto fields() { return pfad::fields("conv", conv, "norm", norm, "out", out); }
};

/// The parameters' values, one after the other.
template <class M>
std::vector<double> values_of(M& m) {
    std::vector<double> values;
    visit_parameters(m, "", [&](const auto&, auto& p) {
        values.insert(values.end(), p.value.data(), p.value.data() + p.value.size());
    });
    return values;
}

/// Writes `values` as the gradients of a backward pass.
template <class M>
void set_gradients(cpu::context& ctx, M& m, const std::vector<double>& values) {
    std::int64_t at = 0;
    visit_parameters(m, "", [&](const auto&, auto& p) {
        const auto target = p.slot->claim(ctx, p.dims());
        std::copy_n(values.begin() + at, p.value.size(), target.to.data);
        at += p.value.size();
    });
}

} // namespace pfad::test
