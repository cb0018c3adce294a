// What convolutions, and PCAR's branches of them, are in ONNX.
#pragma once

#include <pfad/onnx/context.hpp>
#include <pfad/ops/branch_conv2d.hpp>
#include <pfad/ops/branch_mix.hpp>
#include <pfad/ops/conv2d.hpp>
#include <pfad/ops/depthwise_conv2d.hpp>
#include <pfad/ops/strip_conv2d.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pfad::onnx {

/// Softmax over the branches, as (n, branches, c, 1, 1).
inline void
branch_softmax_forward(context& ctx, in<float, 4> a, out<float, 4> weights, std::int64_t branches) {
    const auto apart = ctx.graph.node(
        "Reshape", {ctx.name(a), ctx.graph.integers({-1, branches, a.extent(3), 1, 1})});
    ctx.set(weights, ctx.graph.node("Softmax", {apart}, {{"axis", std::int64_t{1}}}));
}

/// Sum of the branches by these weights.
inline void
branch_mix_forward(context& ctx, in<float, 4> f, in<float, 4> weights, out<float, 4> y) {
    const std::int64_t h = y.extent(1), w = y.extent(2), c = y.extent(3);
    const auto apart = ctx.graph.node(
        "Reshape", {ctx.name(f), ctx.graph.integers({-1, f.extent(3) / c, c, h, w})});
    const auto weighed = ctx.graph.node("Mul", {apart, ctx.name(weights)});
    ctx.set(y, ctx.graph.node("ReduceSum", {weighed, ctx.graph.integers({1})},
                              {{"keepdims", std::int64_t{0}}}));
}

/// PCAR's branches go out as they are: a kernel of each sample's own is no operator of ONNX.
inline bool one_kernel_pays(const context&, const shape<4>&) {
    return false;
}

/// A convolution, with bias where there is one.
inline void conv2d_forward(context& ctx,
                           in<float, 4> x,
                           in<float, 4> w,
                           in<float, 1> b,
                           out<float, 4> y,
                           conv2d_geometry g,
                           const weight_stamp& = {}) {
    std::vector<std::string> inputs = {ctx.name(x), ctx.array(w)};
    if (b.data)
        inputs.push_back(ctx.array(b));
    ctx.set(y, ctx.graph.node("Conv", inputs,
                              {{"kernel_shape", extents{w.extent(1), w.extent(2)}},
                               {"strides", extents{g.stride, g.stride}},
                               {"pads", extents(4, g.padding)},
                               {"dilations", extents{g.dilation, g.dilation}}}));
}

/// A convolution of as many groups as channels.
inline void depthwise_conv2d_forward(
    context& ctx, in<float, 4> x, in<float, 4> w, in<float, 1> b, out<float, 4> y) {
    const std::int64_t r = w.extent(1), s = w.extent(2);
    std::vector<std::string> inputs = {ctx.name(x), ctx.array(w)};
    if (b.data)
        inputs.push_back(ctx.array(b));
    ctx.set(y, ctx.graph.node("Conv", inputs,
                              {{"kernel_shape", extents{r, s}},
                               {"pads", extents{r / 2, s / 2, r / 2, s / 2}},
                               {"group", x.extent(3)}}));
}

/// Means along the rows and along the columns.
template <class T>
void strip_means_forward(context& ctx, in<T, 4> x, out<T, 3> r, out<T, 3> q) {
    ctx.set(r, ctx.graph.node("ReduceMean", {ctx.name(x)}, {{"axes", extents{3}}}));
    ctx.set(q, ctx.graph.node("ReduceMean", {ctx.name(x)}, {{"axes", extents{2}}}));
}

/// The strip convolution of their sum, which is made here.
inline void strip_conv2d_forward(context& ctx,
                                 in<float, 3> r,
                                 in<float, 3> q,
                                 in<float, 4> v,
                                 in<float, 1> b,
                                 out<float, 2>,
                                 out<float, 4> y) {
    const std::int64_t taps = v.extent(2);
    std::vector<std::string> inputs = {ctx.graph.node("Add", {ctx.name(r), ctx.name(q)}),
                                       ctx.array(v)};
    if (b.data)
        inputs.push_back(ctx.array(b));
    ctx.set(y, ctx.graph.node("Conv", inputs,
                              {{"kernel_shape", extents{1, taps}},
                               {"pads", extents{0, taps / 2, 0, taps / 2}},
                               {"group", v.extent(3)}}));
}

} // namespace pfad::onnx
