// ASPP, atrous spatial pyramid pooling: DeSTSeg's context module, which RCM replaces.
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/layer_norm.hpp>
#include <pfad/nn/pooled_norm.hpp>
#include <pfad/ops/concat_channels.hpp>

#include <optional>
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

/// The branch of the mean over the picture, (n,h,w,in) to (n,1,1,out): 1x1, a norm, ReLU. Without a norm
/// the convolution has a bias.
template <class T, class S = host>
struct aspp_pool {
    pooled_norm kind;                   ///< of the norm
    conv2d<T, S> conv;                  ///< 1x1
    std::optional<batch_norm<T, S>> bn; ///< behind conv: batch and pixel
    std::optional<layer_norm<T, S>> ln; ///< behind conv: layer

    template <memory_source C>
    aspp_pool(C& ctx, int in, int out, pooled_norm norm)
        : kind(norm),
          conv(ctx, {.in = in, .out = out, .kernel = 1, .bias = norm == pooled_norm::none}) {
        if (norm == pooled_norm::batch || norm == pooled_norm::pixel)
            bn.emplace(ctx, out);
        if (norm == pooled_norm::layer)
            ln.emplace(ctx, out);
    }

    auto fields() { return pfad::fields("conv", conv, "bn", bn, "ln", ln); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return pooled_conv(t, x, conv, bn, ln, kind);
    }
};

/// (n,h,w,in) to (n,h,w,out): the mean over the picture and 3x3 convolutions of dilation 6, 12 and
/// 18, concatenated and fused by a 3x3. Training with pooled_norm::batch needs a batch of two or more.
template <class T, class S = host>
struct aspp {
    aspp_pool<T, S> pool;                   ///< 1x1 of the mean over the picture
    std::vector<conv_bn_relu<T, S>> atrous; ///< of dilation 6, 12 and 18
    /// 3x3 of all of them.
    conv_bn_relu<T, S> fuse;

    template <memory_source C>
    aspp(C& ctx, int in, int out, pooled_norm norm = pooled_norm::batch)
        : pool(ctx, in, out, norm), fuse(ctx, {.in = 4 * out, .out = out}) {
        for (const int rate : {6, 12, 18})
            atrous.emplace_back(ctx, conv2d_options{.in = in, .out = out, .dilation = rate});
    }

    auto fields() { return pfad::fields("pool", pool, "atrous", atrous, "fuse", fuse); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto mean = pool(t, x); // broadcast by the concatenation
        return fuse(t,
                    concat_channels(t, {mean, atrous[0](t, x), atrous[1](t, x), atrous[2](t, x)}));
    }
};

} // namespace pfad::nn
