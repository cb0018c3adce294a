// The segmentation network (section 3.3 of the paper).
#pragma once

#include <pfad/nn/aspp.hpp>
#include <pfad/nn/rcm.hpp>
#include <pfad/nn/residual_block.hpp>

#include <optional>

namespace pfad {

/// Two residual blocks to 256 channels, RCM (or ASPP), 3x3, BN, ReLU, 1x1 to one channel.
template <class T, class S = host>
struct segmentation {
    static constexpr int input_channels = 448; ///< 64 + 128 + 256 similarities
    static constexpr int width = 256;          ///< channels of its inside

    nn::stage<T, S> res;                ///< two residual blocks, 448 to 256 channels
    std::optional<nn::rcm<T, S>> rcm;   ///< the context module, or
    std::optional<nn::aspp<T, S>> aspp; ///< what it replaces
    /// 3x3.
    nn::conv2d<T, S> head;
    nn::batch_norm<T, S> head_bn; ///< behind head, with ReLU
    /// 1x1 to one logit a pixel.
    nn::conv2d<T, S> out;

    /// With RCM, or ASPP in its place.
    template <class C>
    segmentation(C& ctx, nn::block_kind kind, bool with_rcm, nn::rcm_options o = {})
        : res(ctx, input_channels, width, 1, kind), head(ctx, {.in = width, .out = width}),
          head_bn(ctx, width), out(ctx, {.in = width, .out = 1, .kernel = 1, .bias = true}) {
        if (with_rcm)
            rcm.emplace(ctx, width, o);
        else
            aspp.emplace(ctx, width, width);
    }

    auto fields() {
        return pfad::fields("res", res, "context", rcm, "context", aspp, "head", head, "head_bn",
                            head_bn, "out", out);
    }
    /// Everything behind `res`: the part that trains at the lower rate.
    struct tail_fields {
        segmentation& net; ///< whose tail it is
        auto fields() {
            return pfad::fields("context", net.rcm, "context", net.aspp, "head", net.head,
                                "head_bn", net.head_bn, "out", net.out);
        }
    };
    /// The part that trains at the lower rate, as a module.
    tail_fields context_and_head() { return {*this}; }

    /// Similarities (n, h, w, 448) to logits (n, h, w, 1); their sigmoid is the anomaly map.
    template <class C>
    image<T, S> operator()(tape<C>& t, const image<T, S>& x) const {
        const auto y = res(t, x);
        const auto z = rcm ? (*rcm)(t, y) : (*aspp)(t, y);
        return out(t, head(t, z, head_bn, post::relu));
    }
};

} // namespace pfad
