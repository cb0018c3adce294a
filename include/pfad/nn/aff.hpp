// AFF, attentional feature fusion (section 3.1 of the paper, after Dai et al. 2021).
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/attention_fuse.hpp>
#include <pfad/ops/global_average_pool.hpp>

#include <algorithm>

namespace pfad::nn {

/// One of AFF's two bottlenecks: 1x1 to c/4, BN, ReLU, 1x1 to c, BN.
template <class T, class S = host>
struct aff_branch {
    /// 1x1 to fewer channels.
    conv2d<T, S> reduce;
    batch_norm<T, S> reduce_bn; ///< behind reduce, with ReLU
    /// 1x1 back.
    conv2d<T, S> expand;
    batch_norm<T, S> expand_bn; ///< behind expand

    template <memory_source C>
    aff_branch(C& ctx, int channels, int hidden)
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

/// x and r (n,h,w,c): w = sigmoid(local(x+r) + global(x+r)); 2 x w + 2 r (1-w), then `after`.
/// Training needs a batch of two or more (the global branch normalises 1x1 maps).
template <class T, class S = host>
struct aff {
    /// Attention by pixel, and by the mean over the picture.
    aff_branch<T, S> local_branch, global_branch;

    template <memory_source C>
    aff(C& ctx, int channels, int reduction = 4)
        : local_branch(ctx, channels, std::max(1, channels / reduction)),
          global_branch(ctx, channels, std::max(1, channels / reduction)) {}

    auto fields() {
        return pfad::fields("local_branch", local_branch, "global_branch", global_branch);
    }

    template <class C>
    maps<T, S> operator()(tape<C>& t,
                          const maps<T, S>& x,
                          const maps<T, S>& r,
                          post after = post::none) const {
        const auto s = add(t, x, r);
        const auto global = global_branch(t, global_average_pool(t, s));
        return attention_fuse(t, x, r, local_branch(t, s), global, after);
    }
};

} // namespace pfad::nn
