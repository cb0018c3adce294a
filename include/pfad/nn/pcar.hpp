// PCAR, parallel convolutional attention recalibration (section 3.2 of the paper, equations 5 to
// 9).
#pragma once

#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/spr.hpp>
#include <pfad/ops/branch_conv2d.hpp>
#include <pfad/ops/branch_mix.hpp>
#include <pfad/ops/branch_pyramid_pool.hpp>

namespace pfad::nn {

/// Two ways to the same values and gradients. Which is faster depends on the shape and the backend.
enum class pcar_path {
    measured,  ///< the one that was measured to be faster, see one_kernel_pays
    branches,  ///< three convolutions, then their weighted sum
    one_kernel ///< the weighted sum of the kernels, then one convolution a sample
};

/// Three parallel 3x3 convolutions F_i, run as one to 3c channels; one SPR, shared by the branches,
/// describes each; a softmax over the branches, per channel, weighs their sum. (n,h,w,c) to the
/// same.
template <class T, class S = host>
struct pcar {
    static constexpr int branches = 3; ///< parallel convolutions
    /// 3x3, the branches stacked along the first axis.
    conv2d<T, S> convs;
    nn::spr<T, S> spr; ///< says how much each branch counts
    pcar_path path;    ///< how it is computed

    template <memory_source C>
    pcar(C& ctx, int channels, pcar_path way = pcar_path::measured)
        : convs(ctx, {.in = channels, .out = branches * channels, .parts = branches}),
          spr(ctx, channels), path(way) {}

    auto fields() { return pfad::fields("convs.{}", convs, "spr", spr); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        if (is_one_kernel(t, x))
            return branch_conv2d(t, x, weigh(t, x), convs.weight, branches);
        const auto f = convs(t, x);
        return branch_mix(t, f, spr(t, f, branches), branches);
    }

    /// Followed by a batch norm and what follows that.
    template <class C>
    maps<T, S> operator()(tape<C>& t,
                          const maps<T, S>& x,
                          const batch_norm<T, S>& norm,
                          post after = post::none,
                          const maps<T, S>& residual = {}) const {
        if (is_one_kernel(t, x))
            return branch_conv2d_batch_norm(t, x, weigh(t, x), convs.weight, branches,
                                            norm.parameters, after, residual);
        return norm(t, (*this)(t, x), after, residual);
    }

private:
    template <class C>
    bool is_one_kernel(tape<C>& t, const maps<T, S>& x) const {
        return path == pcar_path::one_kernel ||
               (path == pcar_path::measured && one_kernel_pays(t.context, x.dims()));
    }
    /// The attention without the branches.
    template <class C>
    maps<T, S> weigh(tape<C>& t, const maps<T, S>& x) const {
        return spr.weigh(t, branch_pyramid_pool(t, x, convs.weight, branches));
    }
};

} // namespace pfad::nn
