// AFF, attentional feature fusion (section 3.1 of the paper, after Dai et al. 2021).
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/layer_norm.hpp>
#include <pfad/nn/pooled_norm.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/attention_fuse.hpp>

#include <algorithm>
#include <optional>

namespace pfad::nn {

/// AFF's bottleneck of every pixel: 1x1 to c/4, BN, ReLU, 1x1 to c, BN.
template <class T, class S = host>
struct aff_local {
    /// 1x1 to fewer channels.
    conv2d<T, S> reduce;
    batch_norm<T, S> reduce_bn; ///< behind reduce, with ReLU
    /// 1x1 back.
    conv2d<T, S> expand;
    batch_norm<T, S> expand_bn; ///< behind expand

    template <memory_source C>
    aff_local(C& ctx, int channels, int hidden)
        : reduce(ctx, {.in = channels, .out = hidden, .kernel = 1, .bias = true}),
          reduce_bn(ctx, hidden),
          expand(ctx, {.in = hidden, .out = channels, .kernel = 1, .bias = true}),
          expand_bn(ctx, channels) {}

    auto fields() {
        return pfad::fields("reduce", reduce, "reduce_bn", reduce_bn, "expand", expand, "expand_bn",
                            expand_bn);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return expand(t, reduce(t, x, reduce_bn, post::relu), expand_bn);
    }
};

/// AFF's bottleneck of the mean over the picture, (n,h,w,c) to (n,1,1,c): 1x1 to c/4, a norm, ReLU, 1x1
/// to c, and where the norm is the published one BN again. Without that the second 1x1 starts at zero.
template <class T, class S = host>
struct aff_global {
    pooled_norm kind; ///< of the first norm
    /// 1x1 to fewer channels.
    conv2d<T, S> reduce;
    std::optional<batch_norm<T, S>> reduce_bn; ///< behind reduce: batch and pixel
    std::optional<layer_norm<T, S>> reduce_ln; ///< behind reduce: layer
    /// 1x1 back.
    conv2d<T, S> expand;
    std::optional<batch_norm<T, S>> expand_bn; ///< behind expand: batch

    template <memory_source C>
    aff_global(C& ctx, int channels, int hidden, pooled_norm norm)
        : kind(norm), reduce(ctx, {.in = channels, .out = hidden, .kernel = 1, .bias = true}),
          expand(ctx,
                 {.in = hidden,
                  .out = channels,
                  .kernel = 1,
                  .bias = true,
                  .zero = norm != pooled_norm::batch}) {
        if (norm == pooled_norm::batch || norm == pooled_norm::pixel)
            reduce_bn.emplace(ctx, hidden);
        if (norm == pooled_norm::layer)
            reduce_ln.emplace(ctx, hidden);
        if (norm == pooled_norm::batch)
            expand_bn.emplace(ctx, channels);
    }

    auto fields() {
        return pfad::fields("reduce", reduce, "reduce_bn", reduce_bn, "reduce_ln", reduce_ln,
                            "expand", expand, "expand_bn", expand_bn);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto y = pooled_conv(t, x, reduce, reduce_bn, reduce_ln, kind);
        return expand_bn ? expand(t, y, *expand_bn) : expand(t, y);
    }
};

/// x and r (n,h,w,c): w = sigmoid(local(x+r) + global(x+r)); 2 x w + 2 r (1-w), then `after`.
/// Training with pooled_norm::batch needs a batch of two or more.
template <class T, class S = host>
struct aff {
    aff_local<T, S> local_branch;   ///< attention by pixel
    aff_global<T, S> global_branch; ///< attention by the mean over the picture

    template <memory_source C>
    aff(C& ctx, int channels, pooled_norm norm = pooled_norm::batch, int reduction = 4)
        : local_branch(ctx, channels, std::max(1, channels / reduction)),
          global_branch(ctx, channels, std::max(1, channels / reduction), norm) {}

    auto fields() {
        return pfad::fields("local_branch", local_branch, "global_branch", global_branch);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t,
                          const maps<T, S>& x,
                          const maps<T, S>& r,
                          post after = post::none) const {
        const auto s = add(t, x, r);
        const auto global = global_branch(t, s);
        return attention_fuse(t, x, r, local_branch(t, s), global, after);
    }
};

} // namespace pfad::nn
