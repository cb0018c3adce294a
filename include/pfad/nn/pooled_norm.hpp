// How a branch that sees one vector a picture is normalised. Statistics of a batch, as published, are those
// of a few vectors: a picture from elsewhere may lie hundreds of their deviations off (decision 0019).
#pragma once

#include <pfad/nn/batch_norm.hpp>
#include <pfad/nn/conv2d.hpp>
#include <pfad/nn/layer_norm.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/global_average_pool.hpp>

#include <optional>
#include <string_view>

namespace pfad::nn {

/// Of the means over the picture in AFF and ASPP.
enum class pooled_norm {
    batch, ///< batch norm of the vectors of a batch, as published
    layer, ///< layer norm of each vector
    none,  ///< nothing
    pixel  ///< batch norm by the statistics of the pixels that the mean is taken over
};
/// Their names in files and on command lines.
inline constexpr std::string_view pooled_norm_names[] = {"batch", "layer", "none", "pixel"};

/// A 1x1 convolution of the mean over the picture, a norm, ReLU: (n, h, w, in) to (n, 1, 1, out).
/// `bn` is there for batch and pixel, `ln` for layer. The order of mean and convolution is free, since
/// both are linear; so is that of mean and batch norm once its statistics are constants.
template <class C, class T, class S>
maps<T, S> pooled_conv(tape<C>& t,
                       const maps<T, S>& x,
                       const conv2d<T, S>& conv,
                       const std::optional<batch_norm<T, S>>& bn,
                       const std::optional<layer_norm<T, S>>& ln,
                       pooled_norm kind) {
    if (kind == pooled_norm::pixel && t.phase == mode::train)
        return activate(t, relu{}, global_average_pool(t, conv(t, x, *bn)));
    const auto mean = global_average_pool(t, x);
    if (bn)
        return conv(t, mean, *bn, post::relu);
    const auto y = conv(t, mean);
    return activate(t, relu{}, ln ? (*ln)(t, y) : y);
}

} // namespace pfad::nn
