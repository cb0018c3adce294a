// The depthwise convolution layer, one kernel a channel: squares k x k and the strips 1 x k and k
// x 1.
#pragma once

#include <pfad/nn/module.hpp>
#include <pfad/ops/depthwise_conv2d.hpp>

#include <cmath>

namespace pfad::nn {

/// Keeps the size: stride 1, padding half the (odd) kernel; with bias.
template <class T, class S = host>
struct depthwise_conv2d {
    parameter<T, 4, S> weight;              ///< (1, height, width, c)
    parameter<accumulator_t<T>, 1, S> bias; ///< (c)

    template <memory_source C>
    depthwise_conv2d(C& ctx, int channels, int height, int width) {
        weight.value = full(ctx, shape<4>{{1, height, width, channels}}, T(0));
        weight.form = parameter_form::depthwise;
        bias.value = full(ctx, shape<1>{{channels}}, accumulator_t<T>(0));
    }

    auto fields() { return pfad::fields("weight", weight, "bias", bias); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return pfad::depthwise_conv2d(t, x, weight, std::optional(bias));
    }

    void initialise(initialiser rule, random_stream& random) {
        const auto [one, r, s, c] = weight.dims().extent;
        const double bound = 1 / std::sqrt(static_cast<double>(r * s));
        const double deviation = std::sqrt(2.0 / static_cast<double>(c * r * s));
        for (T& w : elements(weight))
            w = static_cast<T>(rule == initialiser::kaiming_fan_out
                                   ? deviation * random.normal()
                                   : random.uniform(-bound, bound));
        for (auto& b : elements(bias))
            b = static_cast<accumulator_t<T>>(random.uniform(-bound, bound));
    }
};

} // namespace pfad::nn
