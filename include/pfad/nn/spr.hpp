// SPR, spatial pyramid recalibration (section 3.2 of the paper, after MSPANet): a weight a channel.
#pragma once

#include <pfad/nn/conv2d.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/spatial_pyramid_pool.hpp>

#include <algorithm>

namespace pfad::nn {

/// Average pools to 1x1 and 2x2 (5c values), a 1x1 convolution to c/16, ReLU, one back to c,
/// sigmoid.
template <class T, class S = host>
struct spr {
    /// 1x1 to fewer channels and back.
    conv2d<T, S> fc1, fc2;

    template <memory_source C>
    spr(C& ctx, int channels, int reduction = 16)
        : fc1(ctx,
              {.in = 5 * channels, .out = hidden(channels, reduction), .kernel = 1, .bias = true}),
          fc2(ctx,
              {.in = hidden(channels, reduction), .out = channels, .kernel = 1, .bias = true}) {}

    auto fields() { return pfad::fields("fc1", fc1, "fc2", fc2); }

    /// x (n, h, w, groups c) to weights in (0, 1), (n groups, 1, 1, c): row n groups + group.
    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x, int groups = 1) const {
        return weigh(t, spatial_pyramid_pool(t, x, groups));
    }

    /// The same from the pools (n groups, 1, 1, 5c).
    template <class C>
    maps<T, S> weigh(tape<C>& t, const maps<T, S>& pools) const {
        return activate(t, sigmoid{}, fc2(t, activate(t, relu{}, fc1(t, pools))));
    }

private:
    static int hidden(int channels, int reduction) { return std::max(1, channels / reduction); }
};

} // namespace pfad::nn
