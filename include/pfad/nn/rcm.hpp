// RCM, rectangular self-calibration module (section 3.3 of the paper, after CGRSeg).
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/depthwise_conv2d.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/layer_scale_add.hpp>
#include <pfad/ops/multiply.hpp>
#include <pfad/ops/strip_conv2d.hpp>

namespace pfad::nn {

/// `layer_scale` 1e-6 makes the block the identity at the start; under plain SGD it then grows
/// slowly.
struct rcm_options {
    int band = 11;             ///< length of the strip convolutions, odd
    int mlp_ratio = 2;         ///< width of the hidden layer over c
    double layer_scale = 1e-6; ///< initial scale of the branch
};

/// x + gamma MLP(BN(attention(x) * depthwise3x3(x))), (n,h,w,c) to the same. attention: row means
/// plus column means, strip 1 x band, BN, ReLU, strip band x 1, sigmoid. MLP: 1x1, GELU, 1x1.
template <class T, class S = host>
struct rcm {
    /// 3x3, and 1 x K of what the strips say.
    depthwise_conv2d<T, S> square, horizontal;
    batch_norm<T, S> horizontal_bn; ///< behind horizontal
    /// K x 1.
    depthwise_conv2d<T, S> vertical;
    batch_norm<T, S> norm; ///< in front of fc1
    /// 1x1 convolutions: the MLP.
    conv2d<T, S> fc1, fc2;
    parameter<accumulator_t<T>, 1, S> layer_scale; ///< (c), of the branch

    template <memory_source C>
    rcm(C& ctx, int c, rcm_options o = {})
        : square(ctx, c, 3, 3), horizontal(ctx, c, 1, o.band), horizontal_bn(ctx, c),
          vertical(ctx, c, o.band, 1), norm(ctx, c),
          fc1(ctx, {.in = c, .out = o.mlp_ratio * c, .kernel = 1, .bias = true}),
          fc2(ctx, {.in = o.mlp_ratio * c, .out = c, .kernel = 1, .bias = true}) {
        layer_scale.value = full(ctx, shape<1>{{c}}, static_cast<accumulator_t<T>>(o.layer_scale));
    }

    auto fields() {
        return pfad::fields("square", square, "horizontal", horizontal, "horizontal_bn",
                            horizontal_bn, "vertical", vertical, "norm", norm, "fc1", fc1, "fc2",
                            fc2, "layer_scale", layer_scale);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto strips = strip_conv2d(t, x, horizontal.weight, std::optional(horizontal.bias));
        const auto band = horizontal_bn(t, strips, post::relu);
        const auto attention = activate(t, sigmoid{}, vertical(t, band));
        const auto y = norm(t, multiply(t, attention, square(t, x)));
        return layer_scale_add(t, x, fc2(t, activate(t, gelu{}, fc1(t, y))), layer_scale);
    }
};

} // namespace pfad::nn
