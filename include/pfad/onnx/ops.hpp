// What each op of an inspection is in ONNX. Images are (n, c, h, w) here.
#pragma once

#include <pfad/onnx/context.hpp>
#include <pfad/ops/all.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <type_traits>
#include <vector>

namespace pfad::onnx {

namespace detail {

using list = std::vector<std::int64_t>;

inline list four(int padding) {
    return list(4, padding);
}
inline std::string relu_where(context& ctx, tail after, std::string y) {
    return after == tail::relu ? ctx.graph.node("Relu", {y}) : y;
}
// Sizes of whole numbers of times are given as scales, which runtimes know without the input.
inline std::string resized(
    context& ctx, const std::string& x, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow) {
    if (h == oh && w == ow)
        return x;
    std::vector<std::string> inputs = {x, ""};
    if (oh % h == 0 && ow % w == 0) {
        inputs.push_back(ctx.graph.numbers(
            {1, 1, static_cast<float>(oh / h), static_cast<float>(ow / w)}, {4}));
    } else {
        const auto extents = ctx.graph.node("Shape", {x});
        const auto images = ctx.graph.node(
            "Slice", {extents, ctx.graph.integers({0}), ctx.graph.integers({2})});
        inputs.insert(inputs.end(), {"", ctx.graph.node("Concat", {images, ctx.graph.integers({oh, ow})},
                                                        {{"axis", std::int64_t{0}}})});
    }
    return ctx.graph.node("Resize", inputs,
                          {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}});
}
inline std::string multiplied(context& ctx, const std::string& x, float by) {
    return ctx.graph.node("Mul", {x, ctx.graph.numbers({by})});
}

} // namespace detail

/// relu{}, sigmoid{} or gelu{}.
template <class F>
void activation_forward(context& ctx, F, in<float, 1> x, out<float, 1> y) {
    const auto& from = ctx.name(x);
    if constexpr (std::is_same_v<F, relu>) {
        ctx.set(y, ctx.graph.node("Relu", {from}));
    } else if constexpr (std::is_same_v<F, sigmoid>) {
        ctx.set(y, ctx.graph.node("Sigmoid", {from}));
    } else {
        static_assert(std::is_same_v<F, gelu>);
        const auto erf = ctx.graph.node(
            "Erf", {ctx.graph.node("Div", {from, ctx.graph.numbers({std::numbers::sqrt2_v<float>})})});
        const auto twice = ctx.graph.node(
            "Mul", {from, ctx.graph.node("Add", {erf, ctx.graph.numbers({1})})});
        ctx.set(y, detail::multiplied(ctx, twice, 0.5f));
    }
}

inline void add_forward(context& ctx, in<float, 1> a, in<float, 1> b, out<float, 1> y) {
    ctx.set(y, ctx.graph.node("Add", {ctx.name(a), ctx.name(b)}));
}

inline void multiply_forward(context& ctx, in<float, 1> a, in<float, 1> b, out<float, 1> y, store how) {
    expect(how == store::set, "onnx", "a product is set, not added");
    ctx.set(y, ctx.graph.node("Mul", {ctx.name(a), ctx.name(b)}));
}

/// 2 (r + sigmoid(local + global) (x - r)), then `after`.
inline void attention_fuse_forward(context& ctx,
                                   in<float, 4> x,
                                   in<float, 4> r,
                                   in<float, 4> local,
                                   in<float, 4> global,
                                   tail after,
                                   out<float, 4>,
                                   out<float, 4> y) {
    const auto sum = ctx.graph.node("Add", {ctx.name(local), ctx.name(global)});
    const auto attention = ctx.graph.node("Sigmoid", {sum});
    const auto gap = ctx.graph.node("Sub", {ctx.name(x), ctx.name(r)});
    const auto share = ctx.graph.node("Mul", {attention, gap});
    const auto mixed = ctx.graph.node("Add", {ctx.name(r), share});
    ctx.set(y, detail::relu_where(ctx, after, detail::multiplied(ctx, mixed, 2)));
}

inline void batch_norm_forward(context& ctx,
                               in<float, 4> x,
                               in<float, 1> weight,
                               in<float, 1> bias,
                               in<float, 1> mean,
                               in<float, 1> variance,
                               double epsilon,
                               in<float, 4> residual,
                               tail after,
                               out<float, 4> y) {
    auto result = ctx.graph.node(
        "BatchNormalization",
        {ctx.name(x), ctx.array(weight), ctx.array(bias), ctx.array(mean), ctx.array(variance)},
        {{"epsilon", static_cast<float>(epsilon)}});
    if (residual.data)
        result = ctx.graph.node("Add", {result, ctx.name(residual)});
    ctx.set(y, detail::relu_where(ctx, after, result));
}

/// Softmax over the branches, as (n, branches, c, 1, 1).
inline void
branch_softmax_forward(context& ctx, in<float, 4> a, out<float, 4> weights, std::int64_t branches) {
    const auto apart = ctx.graph.node(
        "Reshape", {ctx.name(a), ctx.graph.integers({-1, branches, a.extent(3), 1, 1})});
    ctx.set(weights, ctx.graph.node("Softmax", {apart}, {{"axis", std::int64_t{1}}}));
}

/// Sum of the branches by these weights.
inline void branch_mix_forward(context& ctx, in<float, 4> f, in<float, 4> weights, out<float, 4> y) {
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

inline void concat_channels_forward(context& ctx, in<float, 4> x, out<float, 4> y, std::int64_t offset) {
    auto part = ctx.name(x);
    if (x.extent(1) != y.extent(1) || x.extent(2) != y.extent(2))
        part = ctx.graph.node("Expand", {part, ctx.graph.integers({1, 1, y.extent(1), y.extent(2)})});
    ctx.add_channels(y, offset, x.extent(3), part);
}

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
                              {{"kernel_shape", detail::list{w.extent(1), w.extent(2)}},
                               {"strides", detail::list{g.stride, g.stride}},
                               {"pads", detail::four(g.padding)},
                               {"dilations", detail::list{g.dilation, g.dilation}}}));
}

/// One level of the similarity.
inline void cosine_similarity_map_forward(
    context& ctx, in<float, 4> t, in<float, 4> s, out<float, 4> y, std::int64_t offset) {
    const auto normalised = [&](const std::string& f) {
        const auto norm = ctx.graph.node("ReduceL2", {f}, {{"axes", detail::list{1}}});
        return ctx.graph.node(
            "Div", {f, ctx.graph.node("Add", {norm, ctx.graph.numbers({1e-12f})})});
    };
    const auto product = ctx.graph.node("Mul", {normalised(ctx.name(t)), normalised(ctx.name(s))});
    ctx.add_channels(y, offset, t.extent(3),
                     detail::resized(ctx, product, t.extent(1), t.extent(2), y.extent(1), y.extent(2)));
}

inline void depthwise_conv2d_forward(
    context& ctx, in<float, 4> x, in<float, 4> w, in<float, 1> b, out<float, 4> y) {
    const std::int64_t r = w.extent(1), s = w.extent(2);
    std::vector<std::string> inputs = {ctx.name(x), ctx.array(w)};
    if (b.data)
        inputs.push_back(ctx.array(b));
    ctx.set(y, ctx.graph.node("Conv", inputs,
                              {{"kernel_shape", detail::list{r, s}},
                               {"pads", detail::list{r / 2, s / 2, r / 2, s / 2}},
                               {"group", x.extent(3)}}));
}

inline void global_average_pool_forward(context& ctx, in<float, 4> x, out<float, 4> y) {
    ctx.set(y, ctx.graph.node("GlobalAveragePool", {ctx.name(x)}));
}

inline void layer_scale_add_forward(
    context& ctx, in<float, 4> x, in<float, 4> z, in<float, 1> gamma, out<float, 4> y) {
    const auto scale = ctx.graph.node(
        "Reshape", {ctx.array(gamma), ctx.graph.integers({1, gamma.size(), 1, 1})});
    ctx.set(y, ctx.graph.node("Add", {ctx.name(x), ctx.graph.node("Mul", {scale, ctx.name(z)})}));
}

inline void max_pool2d_forward(
    context& ctx, in<float, 4> x, out<float, 4> y, view<std::uint8_t, 4>, pool2d_geometry g) {
    ctx.set(y, ctx.graph.node("MaxPool", {ctx.name(x)},
                              {{"kernel_shape", detail::list{g.kernel, g.kernel}},
                               {"strides", detail::list{g.stride, g.stride}},
                               {"pads", detail::four(g.padding)}}));
}

/// 8-bit pixels (n, h, w, 3), the one value that is not (n, c, h, w), to their normalised image.
inline void normalise_image_forward(context& ctx,
                                    in<std::uint8_t, 4> x,
                                    out<float, 4> y,
                                    const image_statistics& statistics) {
    const auto channel = [&](const float (&v)[3]) {
        return ctx.graph.numbers({v[0], v[1], v[2]}, {1, 3, 1, 1});
    };
    const auto real = ctx.graph.node(
        "Cast", {ctx.name(x)}, {{"to", std::int64_t{element_type<float>}}});
    const auto planes = ctx.graph.node("Transpose", {real}, {{"perm", detail::list{0, 3, 1, 2}}});
    const auto unit = ctx.graph.node("Div", {planes, ctx.graph.numbers({255})});
    const auto centred = ctx.graph.node("Sub", {unit, channel(statistics.mean)});
    ctx.set(y, ctx.graph.node("Div", {centred, channel(statistics.deviation)}));
}

inline void resize_bilinear_forward(context& ctx, in<float, 4> x, out<float, 4> y) {
    ctx.set(y, detail::resized(ctx, ctx.name(x), x.extent(1), x.extent(2), y.extent(1), y.extent(2)));
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
        image = ctx.graph.node(
            "Expand", {image, ctx.graph.integers({1, 1, h == 1 ? 2 : 1, w == 1 ? 2 : 1})});
    const std::int64_t tall = h == 1 ? 2 : h, wide = w == 1 ? 2 : w;
    const auto quarters = ctx.graph.node(
        "AveragePool", {image},
        {{"kernel_shape", detail::list{(tall + 1) / 2, (wide + 1) / 2}},
         {"strides", detail::list{tall / 2, wide / 2}}});
    const auto rows = ctx.graph.node("Concat", {row(whole, c), row(quarters, 4 * c)},
                                     {{"axis", std::int64_t{1}}});
    ctx.set(y, ctx.graph.node("Reshape", {rows, ctx.graph.integers({-1, 5 * c, 1, 1})}));
}

template <class T>
void strip_means_forward(context& ctx, in<T, 4> x, out<T, 3> r, out<T, 3> q) {
    ctx.set(r, ctx.graph.node("ReduceMean", {ctx.name(x)}, {{"axes", detail::list{3}}}));
    ctx.set(q, ctx.graph.node("ReduceMean", {ctx.name(x)}, {{"axes", detail::list{2}}}));
}

inline void strip_conv2d_forward(context& ctx,
                                 in<float, 3> r,
                                 in<float, 3> q,
                                 in<float, 4> v,
                                 in<float, 1> b,
                                 out<float, 2>,
                                 out<float, 4> y) {
    const std::int64_t taps = v.extent(2);
    std::vector<std::string> inputs = {ctx.graph.node("Add", {ctx.name(r), ctx.name(q)}), ctx.array(v)};
    if (b.data)
        inputs.push_back(ctx.array(b));
    ctx.set(y, ctx.graph.node("Conv", inputs,
                              {{"kernel_shape", detail::list{1, taps}},
                               {"pads", detail::list{0, taps / 2, 0, taps / 2}},
                               {"group", v.extent(3)}}));
}

inline void top_k_mean_forward(context& ctx, in<float, 4> map, int k, out<float, 1> score) {
    const std::int64_t pixels = map.extent(1) * map.extent(2);
    const auto row = ctx.graph.node("Reshape", {ctx.name(map), ctx.graph.integers({-1, pixels})});
    const auto top = ctx.graph.node(
        "TopK", {row, ctx.graph.integers({std::min<std::int64_t>(k, pixels)})});
    ctx.set(score, ctx.graph.node("ReduceMean", {top},
                                  {{"axes", detail::list{1}}, {"keepdims", std::int64_t{0}}}));
}

} // namespace pfad::onnx
