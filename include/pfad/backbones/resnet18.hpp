// The ResNet18 trunk (He et al. 2016), with plain or PA_Residual blocks.
#pragma once

#include <pfad/nn/residual_block.hpp>
#include <pfad/ops/max_pool2d.hpp>

#include <optional>
#include <vector>

namespace pfad {

/// Stem (7x7 stride 2, BN, ReLU, 3x3 max pool stride 2) and three or four stages. Three plain ones
/// are the teacher; four PA ones the student's encoder. Names are torchvision's.
template <class T, class S = host>
struct resnet18 {
    /// 7x7, stride 2.
    nn::conv2d<T, S> conv1;
    nn::batch_norm<T, S> bn1; ///< behind conv1
    /// Two residual blocks each: 64, 128, 256 channels at 1/4, 1/8, 1/16 of the picture.
    nn::stage<T, S> layer1, layer2, layer3;
    std::optional<nn::stage<T, S>> layer4; ///< the student's alone

    /// Of three or four stages, plain by default.
    template <class C>
    explicit resnet18(C& ctx, int stages, nn::block_kind kind = {})
        : conv1(ctx, {.in = 3, .out = 64, .kernel = 7, .stride = 2}), bn1(ctx, 64),
          layer1(ctx, 64, 64, 1, kind), layer2(ctx, 64, 128, 2, kind),
          layer3(ctx, 128, 256, 2, kind) {
        expect(stages == 3 || stages == 4, "resnet18", "three or four stages");
        if (stages == 4)
            layer4.emplace(ctx, 256, 512, 2, kind);
    }

    auto fields() {
        return pfad::fields("conv1", conv1, "bn1", bn1, "layer1", layer1, "layer2", layer2,
                            "layer3", layer3, "layer4", layer4);
    }

    /// x (n, h, w, 3) to the stages' outputs: 64 channels at 1/4, 128 at 1/8, 256 at 1/16, 512 at
    /// 1/32.
    template <class C>
    [[nodiscard]] std::vector<maps<T, S>> operator()(tape<C>& t, const maps<T, S>& x) const {
        expect(x.extent(3) == 3, "resnet18", "the input is RGB pictures (n, h, w, 3)", x.dims());
        const auto stem = max_pool2d(t, conv1(t, x, bn1, post::relu), {3, 2, 1});
        std::vector<maps<T, S>> out{layer1(t, stem)};
        out.push_back(layer2(t, out[0]));
        out.push_back(layer3(t, out[1]));
        if (layer4)
            out.push_back((*layer4)(t, out[2]));
        return out;
    }
};

} // namespace pfad
