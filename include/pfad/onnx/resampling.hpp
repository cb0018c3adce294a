// What changes an image's extents, and what puts images side by side, is in ONNX.
#pragma once

#include <pfad/onnx/context.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/global_average_pool.hpp>
#include <pfad/ops/max_pool2d.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/spatial_pyramid_pool.hpp>
#include <pfad/ops/top_k_mean.hpp>
#include <pfad/ops/unit_distance_map.hpp>
#include <pfad/ops/weigh_by_distance.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace pfad::onnx {

namespace detail {

// Sizes of whole numbers of times are given as scales, which runtimes know without the input.
inline std::string resized(context& ctx,
                           const std::string& x,
                           std::int64_t h,
                           std::int64_t w,
                           std::int64_t oh,
                           std::int64_t ow) {
    if (h == oh && w == ow)
        return x;
    std::vector<std::string> inputs = {x, ""};
    if (oh % h == 0 && ow % w == 0) {
        inputs.push_back(
            ctx.graph.numbers({1, 1, static_cast<float>(oh / h), static_cast<float>(ow / w)}, {4}));
    } else {
        const auto dims = ctx.graph.node("Shape", {x});
        const auto images =
            ctx.graph.node("Slice", {dims, ctx.graph.integers({0}), ctx.graph.integers({2})});
        inputs.insert(inputs.end(),
                      {"", ctx.graph.node("Concat", {images, ctx.graph.integers({oh, ow})},
                                          {{"axis", std::int64_t{0}}})});
    }
    return ctx.graph.node("Resize", inputs,
                          {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}});
}

// Of the channels, zeros where there is no direction.
inline std::string unit_vectors(context& ctx, const std::string& x) {
    const auto norm = ctx.graph.node("ReduceL2", {x}, {{"axes", extents{1}}});
    return ctx.graph.node("Div", {x, ctx.graph.node("Add", {norm, ctx.graph.numbers({1e-12f})})});
}

} // namespace detail

/// One part of an image; of one pixel, repeated over the image.
inline void
concat_channels_forward(context& ctx, in<float, 4> x, out<float, 4> y, std::int64_t offset) {
    auto part = ctx.name(x);
    if (x.extent(1) != y.extent(1) || x.extent(2) != y.extent(2))
        part =
            ctx.graph.node("Expand", {part, ctx.graph.integers({1, 1, y.extent(1), y.extent(2)})});
    ctx.add_channels(y, offset, x.extent(3), part);
}

/// One level of the similarity.
inline void cosine_similarity_map_forward(
    context& ctx, in<float, 4> t, in<float, 4> s, out<float, 4> y, std::int64_t offset) {
    const auto product = ctx.graph.node(
        "Mul", {detail::unit_vectors(ctx, ctx.name(t)), detail::unit_vectors(ctx, ctx.name(s))});
    ctx.add_channels(
        y, offset, t.extent(3),
        detail::resized(ctx, product, t.extent(1), t.extent(2), y.extent(1), y.extent(2)));
}

/// The map times the mean distance of the levels.
inline void weigh_by_distance_forward(
    context& ctx, in<float, 4> x, in<float, 4> m, int levels, out<float, 4> y) {
    const auto cosines = ctx.graph.node("ReduceSum", {ctx.name(x), ctx.graph.integers({1})});
    const auto mean =
        ctx.graph.node("Div", {cosines, ctx.graph.numbers({static_cast<float>(levels)})});
    const auto distance = ctx.graph.node("Sub", {ctx.graph.numbers({1}), mean});
    const auto kept =
        ctx.graph.node("Clip", {distance, ctx.graph.numbers({0}, {}), ctx.graph.numbers({1}, {})});
    ctx.set(y, ctx.graph.node("Mul", {ctx.name(m), kept}));
}

/// The mean over the image.
inline void global_average_pool_forward(context& ctx, in<float, 4> x, out<float, 4> y) {
    ctx.set(y, ctx.graph.node("GlobalAveragePool", {ctx.name(x)}));
}

/// The maximum of every window.
inline void max_pool2d_forward(
    context& ctx, in<float, 4> x, out<float, 4> y, view<std::uint8_t, 4>, pool2d_geometry g) {
    ctx.set(y, ctx.graph.node("MaxPool", {ctx.name(x)},
                              {{"kernel_shape", extents{g.kernel, g.kernel}},
                               {"strides", extents{g.stride, g.stride}},
                               {"pads", extents(4, g.padding)}}));
}

/// Half-pixel centres, without smoothing.
inline void resize_bilinear_forward(context& ctx, in<float, 4> x, out<float, 4> y) {
    ctx.set(y,
            detail::resized(ctx, ctx.name(x), x.extent(1), x.extent(2), y.extent(1), y.extent(2)));
}

/// The means over the image, then those over its quarters, whose windows share the middle of an
/// odd extent.
inline void spatial_pyramid_pool_forward(context& ctx, in<float, 4> x, out<float, 4> y) {
    const std::int64_t h = x.extent(1), w = x.extent(2), c = y.extent(3) / 5;
    const auto row = [&](const std::string& means, std::int64_t count) {
        return ctx.graph.node("Reshape", {means, ctx.graph.integers({-1, count})});
    };
    auto image = ctx.name(x);
    const auto whole = ctx.graph.node("GlobalAveragePool", {image});
    if (h == 1 || w == 1) // one pixel is both halves
        image = ctx.graph.node("Expand",
                               {image, ctx.graph.integers({1, 1, h == 1 ? 2 : 1, w == 1 ? 2 : 1})});
    const std::int64_t tall = h == 1 ? 2 : h, wide = w == 1 ? 2 : w;
    const auto quarters = ctx.graph.node("AveragePool", {image},
                                         {{"kernel_shape", extents{(tall + 1) / 2, (wide + 1) / 2}},
                                          {"strides", extents{tall / 2, wide / 2}}});
    const auto rows = ctx.graph.node("Concat", {row(whole, c), row(quarters, 4 * c)},
                                     {{"axis", std::int64_t{1}}});
    ctx.set(y, ctx.graph.node("Reshape", {rows, ctx.graph.integers({-1, 5 * c, 1, 1})}));
}

/// Mean of the k highest pixels.
inline void top_k_mean_forward(context& ctx, in<float, 4> map, int k, out<float, 1> score) {
    const std::int64_t pixels = map.extent(1) * map.extent(2);
    const auto row = ctx.graph.node("Reshape", {ctx.name(map), ctx.graph.integers({-1, pixels})});
    const auto top =
        ctx.graph.node("TopK", {row, ctx.graph.integers({std::min<std::int64_t>(k, pixels)})});
    ctx.set(score, ctx.graph.node("ReduceMean", {top},
                                  {{"axes", extents{1}}, {"keepdims", std::int64_t{0}}}));
}

/// Half the square of the distance of the unit vectors.
template <class T>
void unit_distance_map_forward(context& ctx, in<T, 4> t, in<T, 4> s, out<T, 4> y) {
    const auto gap = ctx.graph.node(
        "Sub", {detail::unit_vectors(ctx, ctx.name(t)), detail::unit_vectors(ctx, ctx.name(s))});
    const auto square = ctx.graph.node("ReduceSumSquare", {gap}, {{"axes", extents{1}}});
    ctx.set(y, ctx.graph.node("Mul", {square, ctx.graph.numbers({0.5f})}));
}

} // namespace pfad::onnx
