// PCAR, parallel convolutional attention recalibration (section 3.2 of the paper, equations 5 to
// 9).
#pragma once

#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/spr.hpp>
#include <pfad/ops/branch_mix.hpp>

namespace pfad::nn {

/// Three parallel 3x3 convolutions F_i, run as one to 3c channels; one SPR, shared by the branches,
/// describes each; a softmax over the branches, per channel, weighs their sum. (n,h,w,c) to the
/// same.
template <class T, class S = host>
struct pcar {
    static constexpr int branches = 3;
    conv2d<T, S> convs;
    nn::spr<T, S> spr;

    template <class C>
    pcar(C& ctx, int channels)
        : convs(ctx, {.in = channels, .out = branches * channels, .parts = branches}),
          spr(ctx, channels) {}

    auto fields() { return pfad::fields("convs.{}", convs, "spr", spr); }

    template <class C>
    image<T, S> operator()(tape<C>& t, const image<T, S>& x) const {
        const auto f = convs(t, x);
        return branch_mix(t, f, spr(t, f, branches), branches);
    }
};

} // namespace pfad::nn
