// The convolution layer: weight (k, r, s, c) and, where wanted, bias (k).
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/module.hpp>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace pfad::nn {

/// Square kernels; the padding keeps the size at stride 1.
struct conv2d_options {
    int in = 1;        ///< channels that come in
    int out = 1;       ///< channels that go out
    int kernel = 3;    ///< height and width, odd
    int stride = 1;    ///< pixels from one result to the next
    int dilation = 1;  ///< pixels from one tap to the next
    bool bias = false; ///< whether one is added
    int parts = 1;     ///< that many convolutions of out / parts channels side by side
    bool zero = false; ///< whether training starts at zero
};

/// (n, h, w, in) to (n, oh, ow, out); at stride 1 the size stays.
template <class T, class S = host>
struct conv2d {
    parameter<T, 4, S> weight;                             ///< (k, r, s, c)
    std::optional<parameter<accumulator_t<T>, 1, S>> bias; ///< (k), where wanted
    conv2d_geometry geometry;                              ///< stride, padding, dilation
    bool zero;                                             ///< whether training starts at zero

    template <memory_source C>
    conv2d(C& ctx, conv2d_options o)
        : geometry{o.stride, o.dilation * (o.kernel - 1) / 2, o.dilation}, zero(o.zero) {
        weight.value = full(ctx, shape<4>{{o.out, o.kernel, o.kernel, o.in}}, T(0));
        weight.parts = o.parts;
        if (o.bias)
            bias = parameter<accumulator_t<T>, 1, S>{
                full(ctx, shape<1>{{o.out}}, accumulator_t<T>(0))};
    }

    auto fields() { return pfad::fields("weight", weight, "bias", bias); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return pfad::conv2d(t, x, weight, bias, geometry);
    }

    /// Followed by a batch norm and what follows that.
    template <class C>
    maps<T, S> operator()(tape<C>& t,
                          const maps<T, S>& x,
                          const batch_norm<T, S>& norm,
                          post after = post::none,
                          const maps<T, S>& residual = {}) const {
        return conv2d_batch_norm(t, x, weight, bias, geometry, norm.parameters, after, residual);
    }

    void initialise(initialiser rule, random_stream& random) {
        if (zero) {
            std::ranges::fill(elements(weight), T(0));
            if (bias)
                std::ranges::fill(elements(*bias), accumulator_t<T>(0));
            return;
        }
        const auto [k, r, s, c] = weight.dims().extent;
        const double bound = 1 / std::sqrt(static_cast<double>(r * s * c));
        const double deviation = std::sqrt(2.0 * weight.parts / static_cast<double>(k * r * s));
        for (T& w : elements(weight))
            w = static_cast<T>(rule == initialiser::kaiming_fan_out
                                   ? deviation * random.normal()
                                   : random.uniform(-bound, bound));
        if (bias)
            for (auto& b : elements(*bias))
                b = static_cast<accumulator_t<T>>(random.uniform(-bound, bound));
    }
};

} // namespace pfad::nn
