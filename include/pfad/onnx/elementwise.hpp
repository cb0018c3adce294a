// What ops on each element or channel are in ONNX.
#pragma once

#include <pfad/onnx/context.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/attention_fuse.hpp>
#include <pfad/ops/batch_norm.hpp>
#include <pfad/ops/layer_norm.hpp>
#include <pfad/ops/layer_scale_add.hpp>
#include <pfad/ops/multiply.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <cstdint>
#include <numbers>
#include <string>
#include <type_traits>

namespace pfad::onnx {

namespace detail {

inline std::string relu_where(context& ctx, post after, std::string y) {
    return after == post::relu ? ctx.graph.node("Relu", {y}) : y;
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
            "Erf",
            {ctx.graph.node("Div", {from, ctx.graph.numbers({std::numbers::sqrt2_v<float>})})});
        const auto twice =
            ctx.graph.node("Mul", {from, ctx.graph.node("Add", {erf, ctx.graph.numbers({1})})});
        ctx.set(y, detail::multiplied(ctx, twice, 0.5f));
    }
}

/// a + b.
inline void add_forward(context& ctx, in<float, 1> a, in<float, 1> b, out<float, 1> y) {
    ctx.set(y, ctx.graph.node("Add", {ctx.name(a), ctx.name(b)}));
}

/// 2 (r + sigmoid(local + global) (x - r)), then `after`.
inline void attention_fuse_forward(context& ctx,
                                   in<float, 4> x,
                                   in<float, 4> r,
                                   in<float, 4> local,
                                   in<float, 4> global,
                                   post after,
                                   out<float, 4>,
                                   out<float, 4> y) {
    const auto sum = ctx.graph.node("Add", {ctx.name(local), ctx.name(global)});
    const auto attention = ctx.graph.node("Sigmoid", {sum});
    const auto gap = ctx.graph.node("Sub", {ctx.name(x), ctx.name(r)});
    const auto share = ctx.graph.node("Mul", {attention, gap});
    const auto mixed = ctx.graph.node("Add", {ctx.name(r), share});
    ctx.set(y, detail::relu_where(ctx, after, detail::multiplied(ctx, mixed, 2)));
}

/// By running statistics; then the residual and `after`.
inline void batch_norm_forward(context& ctx,
                               in<float, 4> x,
                               const norm_view<float>& norm,
                               in<float, 4> residual,
                               out<float, 4> y) {
    auto result = ctx.graph.node("BatchNormalization",
                                 {ctx.name(x), ctx.array(norm.weight), ctx.array(norm.bias),
                                  ctx.array(norm.mean), ctx.array(norm.variance)},
                                 {{"epsilon", static_cast<float>(norm.epsilon)}});
    if (residual.data)
        result = ctx.graph.node("Add", {result, ctx.name(residual)});
    ctx.set(y, detail::relu_where(ctx, norm.after, result));
}

/// Over the channels, which are axis 1 of (n, c, h, w): LayerNormalization has them last.
inline void layer_norm_forward(context& ctx,
                               in<float, 4> x,
                               in<float, 1> weight,
                               in<float, 1> bias,
                               double epsilon,
                               out<float, 2>,
                               out<float, 4> y) {
    const auto last = ctx.graph.node("Transpose", {ctx.name(x)}, {{"perm", extents{0, 2, 3, 1}}});
    const auto result =
        ctx.graph.node("LayerNormalization", {last, ctx.array(weight), ctx.array(bias)},
                       {{"epsilon", static_cast<float>(epsilon)}});
    ctx.set(y, ctx.graph.node("Transpose", {result}, {{"perm", extents{0, 3, 1, 2}}}));
}

/// x + gamma z.
inline void layer_scale_add_forward(
    context& ctx, in<float, 4> x, in<float, 4> z, in<float, 1> gamma, out<float, 4> y) {
    const auto scale =
        ctx.graph.node("Reshape", {ctx.array(gamma), ctx.graph.integers({1, gamma.size(), 1, 1})});
    ctx.set(y, ctx.graph.node("Add", {ctx.name(x), ctx.graph.node("Mul", {scale, ctx.name(z)})}));
}

/// a b.
inline void
multiply_forward(context& ctx, in<float, 1> a, in<float, 1> b, out<float, 1> y, store how) {
    expect(how == store::set, "onnx", "a product is set, not added");
    ctx.set(y, ctx.graph.node("Mul", {ctx.name(a), ctx.name(b)}));
}

/// 8-bit pixels (n, h, w, 3), the one value that is not (n, c, h, w), to their normalised image.
inline void normalise_image_forward(context& ctx,
                                    in<std::uint8_t, 4> x,
                                    out<float, 4> y,
                                    const image_statistics& statistics) {
    const auto channel = [&](const float(&v)[3]) {
        return ctx.graph.numbers({v[0], v[1], v[2]}, {1, 3, 1, 1});
    };
    const auto real =
        ctx.graph.node("Cast", {ctx.name(x)}, {{"to", std::int64_t{element_type<float>}}});
    const auto planes = ctx.graph.node("Transpose", {real}, {{"perm", extents{0, 3, 1, 2}}});
    const auto unit = ctx.graph.node("Div", {planes, ctx.graph.numbers({255})});
    const auto centred = ctx.graph.node("Sub", {unit, channel(statistics.mean)});
    ctx.set(y, ctx.graph.node("Div", {centred, channel(statistics.deviation)}));
}

} // namespace pfad::onnx
