// The residual block of ResNet18 and, with PCAR and AFF, the paper's PA_Residual block (figure 3).
#pragma once

#include <pfad/nn/aff.hpp>
#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/pcar.hpp>

#include <optional>

namespace pfad::nn {

/// ResNet18's block by default; both on is the paper's.
struct block_kind {
    bool pcar = false;                       ///< PCAR instead of the second 3x3
    bool aff = false;                        ///< AFF instead of the addition
    pcar_path path = pcar_path::measured;    ///< how PCAR is computed
    pooled_norm pooled = pooled_norm::batch; ///< of AFF's global branch
};

/// conv3x3, BN, ReLU, [PCAR | conv3x3], BN, fused with the shortcut by [AFF | +], ReLU.
/// (n,h,w,in) to (n, h/stride, w/stride, out).
template <class T, class S = host>
struct residual_block {
    /// 3x3, with the block's stride.
    conv2d<T, S> conv1;
    batch_norm<T, S> bn1;               ///< behind conv1, with ReLU
    std::optional<nn::pcar<T, S>> pcar; ///< the second convolution, or
    std::optional<conv2d<T, S>> conv2;  ///< a plain 3x3
    batch_norm<T, S> bn2;               ///< behind either
    /// 1x1, where extents or channels change.
    std::optional<conv2d<T, S>> downsample_conv;
    std::optional<batch_norm<T, S>> downsample_bn; ///< behind downsample_conv
    std::optional<nn::aff<T, S>> aff; ///< joins the two paths; without it they are added

    template <memory_source C>
    residual_block(C& ctx, int in, int out, int stride, block_kind kind)
        : conv1(ctx, {.in = in, .out = out, .stride = stride}), bn1(ctx, out), bn2(ctx, out) {
        if (kind.pcar)
            pcar.emplace(ctx, out, kind.path);
        else
            conv2.emplace(ctx, conv2d_options{.in = out, .out = out});
        if (stride != 1 || in != out) {
            downsample_conv.emplace(
                ctx, conv2d_options{.in = in, .out = out, .kernel = 1, .stride = stride});
            downsample_bn.emplace(ctx, out);
        }
        if (kind.aff)
            aff.emplace(ctx, out, kind.pooled);
    }

    auto fields() {
        return pfad::fields("conv1", conv1, "bn1", bn1, "pcar", pcar, "conv2", conv2, "bn2", bn2,
                            "downsample.0", downsample_conv, "downsample.1", downsample_bn, "aff",
                            aff);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto y = conv1(t, x, bn1, post::relu);
        const auto shortcut = downsample_conv ? (*downsample_conv)(t, x, *downsample_bn) : x;
        const auto second = [&](post after, const maps<T, S>& residual) {
            return pcar ? (*pcar)(t, y, bn2, after, residual)
                        : (*conv2)(t, y, bn2, after, residual);
        };
        return aff ? (*aff)(t, second(post::none, {}), shortcut, post::relu)
                   : second(post::relu, shortcut);
    }
};

/// Two blocks; the first changes width and size.
template <class T, class S = host>
struct stage {
    /// The blocks; the first has the stride.
    residual_block<T, S> first, second;

    template <memory_source C>
    stage(C& ctx, int in, int out, int stride, block_kind kind)
        : first(ctx, in, out, stride, kind), second(ctx, out, out, 1, kind) {}

    auto fields() { return pfad::fields("0", first, "1", second); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return second(t, first(t, x));
    }
};

} // namespace pfad::nn
