// The denoising student (section 3.1 of the paper): an encoder and its mirror image, no skips.
#pragma once

#include <pfad/models/resnet18.hpp>
#include <pfad/ops/resize_bilinear.hpp>

#include <vector>

namespace pfad {

/// PA_SE1..4 and PA_SD4..1; bilinear upsampling in front of decoder stages 3, 2 and 1.
template <class T, class S = host>
struct student {
    /// PA_SE1..4.
    resnet18<T, S> encoder;
    /// PA_SD4..1: two residual blocks each.
    nn::stage<T, S> decoder4, decoder3, decoder2, decoder1;

    /// `decoder` may differ from `kind`: the paper can be read as having plain blocks there.
    template <class C>
    student(C& ctx, nn::block_kind kind, nn::block_kind decoder)
        : encoder(ctx, 4, kind), decoder4(ctx, 512, 512, 1, decoder),
          decoder3(ctx, 512, 256, 1, decoder), decoder2(ctx, 256, 128, 1, decoder),
          decoder1(ctx, 128, 64, 1, decoder) {}

    auto fields() {
        return pfad::fields("encoder", encoder, "decoder4", decoder4, "decoder3", decoder3,
                            "decoder2", decoder2, "decoder1", decoder1);
    }

    /// x (n, h, w, 3) to three feature maps in the order and shapes of the teacher's.
    template <class C>
    [[nodiscard]] std::vector<image<T, S>> operator()(tape<C>& t, const image<T, S>& x) const {
        const auto e = encoder(t, x);
        const auto up = [&](const image<T, S>& from, const image<T, S>& like) {
            return resize_bilinear(t, from, like.extent(1), like.extent(2));
        };
        const auto d4 = decoder4(t, e[3]);
        const auto d3 = decoder3(t, up(d4, e[2]));
        const auto d2 = decoder2(t, up(d3, e[1]));
        return {decoder1(t, up(d2, e[0])), d2, d3};
    }
};

} // namespace pfad
