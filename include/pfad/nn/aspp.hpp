// ASPP, atrous spatial pyramid pooling: DeSTSeg's context module, which RCM replaces.
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/global_average_pool.hpp>

#include <vector>

namespace pfad::nn {

/// Convolution without bias, BN, ReLU.
template <class T, class S = host>
struct conv_bn_relu {
    conv2d<T, S> conv;   ///< without bias
    batch_norm<T, S> bn; ///< behind conv

    template <memory_source C>
    conv_bn_relu(C& ctx, conv2d_options o) : conv(ctx, o), bn(ctx, o.out) {}

    auto fields() { return pfad::fields("conv", conv, "bn", bn); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return conv(t, x, bn, post::relu);
    }
};

/// (n,h,w,in) to (n,h,w,out): the mean over the picture and 3x3 convolutions of dilation 6, 12 and
/// 18, concatenated and fused by a 3x3. Training needs a batch of two or more.
template <class T, class S = host>
struct aspp {
    /// 1x1 of the mean over the picture.
    conv_bn_relu<T, S> pool;
    std::vector<conv_bn_relu<T, S>> atrous; ///< of dilation 6, 12 and 18
    /// 3x3 of all of them.
    conv_bn_relu<T, S> fuse;

    template <memory_source C>
    aspp(C& ctx, int in, int out)
        : pool(ctx, {.in = in, .out = out, .kernel = 1}), fuse(ctx, {.in = 4 * out, .out = out}) {
        for (const int rate : {6, 12, 18})
            atrous.emplace_back(ctx, conv2d_options{.in = in, .out = out, .dilation = rate});
    }

    auto fields() { return pfad::fields("pool", pool, "atrous", atrous, "fuse", fuse); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto mean = pool(t, global_average_pool(t, x)); // broadcast by the concatenation
        return fuse(t,
                    concat_channels(t, {mean, atrous[0](t, x), atrous[1](t, x), atrous[2](t, x)}));
    }
};

} // namespace pfad::nn
