// 2-D convolution of float and bf16 by oneDNN, under the names of ops/conv2d.hpp and
// ops/conv2d_batch_norm.hpp.
// layout    images channels last as they are; weights packed into the layout that the primitive
//           prefers (given plain weights oneDNN is up to 1000 times slower), which is not the same
//           one forward and backward, and kept as long as the weight's stamp stays
// precision accumulates in float, in an order that depends on the processor, the shape and the
//           number of threads; batch norm's scale goes into the packed weights, where they are kept
// scratch   from the context's pool: primitives are made once per shape, and a call after the first
//           allocates nothing
// The gradient of the bias stays the reference's sum, which is limited by memory either way.
#pragma once

#include <pfad/onednn/context.hpp>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

namespace pfad::onednn {

/// A convolution's shapes and the oneDNN descriptors that follow from them.
struct conv2d_problem {
    operation op;
    dnnl::memory::data_type element; ///< of images and weights; gradients of weights are float
    shape<4> x, w, y;
    bool bias;
    conv2d_geometry g;
    bool scaled = false; ///< forward: packed from float, which holds the product with a scale
    tail after = tail::none;

    using tag = dnnl::memory::format_tag;

    [[nodiscard]] primitive_key key() const {
        const auto list = [](const shape<4>& s) { return std::array{s[0], s[1], s[2], s[3]}; };
        const std::int64_t end = 2 * (after == tail::relu) + scaled;
        return {
            op, element, bias, list(x), list(w), list(y), {g.stride, g.padding, g.dilation, end}};
    }

    /// For error messages.
    [[nodiscard]] std::string name() const {
        const char* const names[] = {"conv2d_forward", "conv2d_backward_input",
                                     "conv2d_backward_weight"};
        return std::string(names[static_cast<int>(op)]) + " of input " + to_string(x) +
               " and weight " + to_string(w);
    }

    /// oneDNN lists extents as (n, c, h, w) and (k, c, r, s) whatever the layout.
    [[nodiscard]] static dnnl::memory::desc
    describe(const shape<4>& s, dnnl::memory::data_type type, tag layout) {
        return {{s[0], s[3], s[1], s[2]}, type, layout};
    }
    [[nodiscard]] dnnl::memory::desc input() const { return describe(x, element, tag::nhwc); }
    [[nodiscard]] dnnl::memory::desc output() const { return describe(y, element, tag::nhwc); }
    [[nodiscard]] dnnl::memory::desc any_weight() const { return describe(w, element, tag::any); }
    [[nodiscard]] dnnl::memory::desc any_weight_gradient() const {
        return describe(w, data_type<float>, tag::any);
    }
    /// The weight outside of oneDNN, or its gradient.
    [[nodiscard]] dnnl::memory::desc plain_weight() const {
        const bool exact = scaled || op == operation::conv2d_backward_weight;
        return describe(w, exact ? data_type<float> : element, tag::ohwi);
    }
    [[nodiscard]] dnnl::memory::desc bias_vector() const {
        return bias ? dnnl::memory::desc({w[0]}, dnnl::memory::data_type::f32, tag::x)
                    : dnnl::memory::desc();
    }
    [[nodiscard]] dnnl::memory::dims strides() const { return {g.stride, g.stride}; }
    [[nodiscard]] dnnl::memory::dims dilates() const { return {g.dilation - 1, g.dilation - 1}; }
    [[nodiscard]] dnnl::memory::dims padding() const { return {g.padding, g.padding}; }
};

/// The problem of a convolution of T.
template <element T>
[[nodiscard]] conv2d_problem
problem(operation op, const shape<4>& x, const shape<4>& w, const shape<4>& y, conv2d_geometry g) {
    require_element<T>();
    return {op, data_type<T>, x, w, y, false, g};
}

/// The scratchpad comes from the caller.
[[nodiscard]] inline dnnl::primitive_attr user_scratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

[[nodiscard]] inline dnnl::convolution_forward::primitive_desc
describe_forward(context& ctx, const conv2d_problem& p) {
    const auto kind = dnnl::prop_kind::forward_training;
    const auto how = dnnl::algorithm::convolution_direct;
    auto attributes = user_scratchpad();
    if (p.after == tail::relu) {
        dnnl::post_ops end;
#if DNNL_VERSION_MAJOR >= 3
        end.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
#else
        end.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
#endif
        attributes.set_post_ops(end);
    }
#if DNNL_VERSION_MAJOR >= 3
    return {ctx.engine, kind,        how,         p.input(),   p.any_weight(), p.bias_vector(),
            p.output(), p.strides(), p.dilates(), p.padding(), p.padding(),    attributes};
#else
    return {{kind, how, p.input(), p.any_weight(), p.bias_vector(), p.output(), p.strides(),
             p.dilates(), p.padding(), p.padding()},
            attributes,
            ctx.engine};
#endif
}

[[nodiscard]] inline dnnl::convolution_backward_data::primitive_desc
describe_backward_input(context& ctx, const conv2d_problem& p) {
    const auto how = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    return {ctx.engine,       how,         p.input(),   p.any_weight(), p.output(),
            p.strides(),      p.dilates(), p.padding(), p.padding(),    describe_forward(ctx, p),
            user_scratchpad()};
#else
    return {{how, p.input(), p.any_weight(), p.output(), p.strides(), p.dilates(), p.padding(),
             p.padding()},
            user_scratchpad(),
            ctx.engine,
            describe_forward(ctx, p)};
#endif
}

[[nodiscard]] inline dnnl::convolution_backward_weights::primitive_desc
describe_backward_weight(context& ctx, const conv2d_problem& p) {
    const auto how = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    return {ctx.engine,       how,
            p.input(),        p.any_weight_gradient(),
            p.output(),       p.strides(),
            p.dilates(),      p.padding(),
            p.padding(),      describe_forward(ctx, p),
            user_scratchpad()};
#else
    return {{how, p.input(), p.any_weight_gradient(), p.output(), p.strides(), p.dilates(),
             p.padding(), p.padding()},
            user_scratchpad(),
            ctx.engine,
            describe_forward(ctx, p)};
#endif
}

/// A copy between layouts, added to what is there if `sum`.
[[nodiscard]] inline step repack_step(context& ctx,
                                      const dnnl::memory::desc& from,
                                      const dnnl::memory::desc& to,
                                      bool sum = false) {
    auto attributes = user_scratchpad();
    if (sum) {
        dnnl::post_ops after;
        after.append_sum(1.0f);
        attributes.set_post_ops(after);
    }
    const dnnl::reorder::primitive_desc made(ctx.engine, from, ctx.engine, to, attributes);
    return {dnnl::reorder(made), made, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
}

/// Makes the steps of a convolution. Call inside run_on_team.
[[nodiscard]] inline plan make_conv2d_plan(context& ctx, const conv2d_problem& p) {
    plan result;
    if (p.op == operation::conv2d_forward) {
        const auto made = describe_forward(ctx, p);
        result.packed = made.weights_desc();
        result.main = {dnnl::convolution_forward(made),
                       made,
                       {{DNNL_ARG_SRC, p.input()},
                        {DNNL_ARG_WEIGHTS, result.packed},
                        {DNNL_ARG_DST, p.output()}}};
        if (p.bias)
            result.main.add(DNNL_ARG_BIAS, p.bias_vector());
    } else if (p.op == operation::conv2d_backward_input) {
        const auto made = describe_backward_input(ctx, p);
        result.packed = made.weights_desc();
        result.main = {dnnl::convolution_backward_data(made),
                       made,
                       {{DNNL_ARG_DIFF_SRC, p.input()},
                        {DNNL_ARG_WEIGHTS, result.packed},
                        {DNNL_ARG_DIFF_DST, p.output()}}};
    } else {
        const auto made = describe_backward_weight(ctx, p);
        result.packed = made.diff_weights_desc();
        result.main = {dnnl::convolution_backward_weights(made),
                       made,
                       {{DNNL_ARG_SRC, p.input()},
                        {DNNL_ARG_DIFF_WEIGHTS, result.packed},
                        {DNNL_ARG_DIFF_DST, p.output()}}};
        result.repack = repack_step(ctx, result.packed, p.plain_weight());
        result.repack_add = repack_step(ctx, result.packed, p.plain_weight(), true);
        return result;
    }
    result.repack = repack_step(ctx, p.plain_weight(), result.packed);
    return result;
}

[[nodiscard]] inline plan& conv2d_plan(context& ctx, const conv2d_problem& p) {
    return ctx.plan_of(p.key(), [&] { return make_conv2d_plan(ctx, p); });
}

/// oneDNN's name for the code that it chose, "ref:any" being the one to avoid.
[[nodiscard]] inline std::string conv2d_implementation(context& ctx, const conv2d_problem& p) {
    std::string name;
    run_on_team(
        ctx, [&] { return p.name(); }, [&] { name = conv2d_plan(ctx, p).main.implementation(); });
    return name;
}

/// Binds the packed copy of a plain weight to `steps.main`: the kept one where the stamp's version
/// is still the same, else a fresh one. `temporary` holds the copy of a weight without a stamp.
template <element T>
void bind_weight(context& ctx,
                 plan& steps,
                 in<T, 4> plain,
                 const weight_stamp& stamp,
                 packed_weights::copy& temporary,
                 std::span<const float> scale = {}) {
    if (!stamp.identity())
        temporary = packed_weights::make(ctx, steps.packed);
    auto& copy =
        stamp.identity() ? ctx.weights.of(ctx, stamp, steps.packed, !scale.empty()) : temporary;
    if (!copy.holds(stamp, scale)) {
        copy.filled = false;
        tensor<float, 4> product;
        if (!scale.empty()) {
            product = empty<float>(ctx, plain.dims);
            std::int64_t const size = plain.size() / plain.extent(0);
            for (std::int64_t i = 0; i < plain.size(); ++i) {
                product.data()[i] =
                    scale[static_cast<std::size_t>(i / size)] * static_cast<float>(plain.data[i]);
                if (!std::isfinite(product.data()[i])) // which the ReLU would make zero of
                    fail(errc::value, "conv2d_batch_norm: a weight is not finite");
            }
        }
        steps.repack.bind(DNNL_ARG_FROM,
                          product ? static_cast<const void*>(product.data()) : plain.data);
        steps.repack.bind(DNNL_ARG_TO, copy.memory);
        steps.repack.execute(ctx);
        copy.mark(stamp, scale);
    }
    steps.main.bind(DNNL_ARG_WEIGHTS, copy.memory);
}

/// One forward convolution; `scale` a value a filter, or empty.
template <element T>
void convolve(context& ctx,
              const conv2d_problem& p,
              in<T, 4> x,
              in<T, 4> w,
              in<float, 1> b,
              out<T, 4> y,
              const weight_stamp& stamp,
              std::span<const float> scale = {}) {
    run_on_team(
        ctx, [&] { return p.name(); },
        [&] {
            auto& steps = conv2d_plan(ctx, p);
            packed_weights::copy temporary;
            bind_weight<T>(ctx, steps, w, stamp, temporary, scale);
            steps.main.bind(DNNL_ARG_SRC, x.data);
            if (b.data)
                steps.main.bind(DNNL_ARG_BIAS, b.data);
            steps.main.bind(DNNL_ARG_DST, y.data);
            steps.main.execute(ctx);
        });
}

template <element T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<float, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& stamp = {}) {
    auto p = problem<T>(operation::conv2d_forward, x.dims, w.dims, y.dims, g);
    p.bias = b.data != nullptr;
    convolve<T>(ctx, p, x, w, b, y, stamp);
}

/// Scale and offset go into the packed weights and the bias, ReLU into oneDNN's own loop. A residual
/// is added in a pass of its own: as a part of oneDNN's loop it costs more. So is the whole of it
/// where the weight is another one every time.
template <element T>
void conv2d_batch_norm_forward(context& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<float, 1> b,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const batch_norm_epilogue<T>& e) {
    if (e.residual.data || !stamp.identity()) {
        pfad::conv2d_batch_norm_forward<context, T>(ctx, x, w, b, y, g, stamp, e);
        return;
    }
    auto p = problem<T>(operation::conv2d_forward, x.dims, w.dims, y.dims, g);
    p.bias = p.scaled = true;
    p.after = e.after;
    std::int64_t const k = w.extent(0);
    const auto affine = empty<float>(ctx, shape<2>{{2, k}});
    float* const scale = affine.data();
    float* const offset = scale + k;
    bool finite = true;
    for (std::int64_t i = 0; i < k; ++i) {
        scale[i] = e.weight.data[i] / std::sqrt(e.variance.data[i] + static_cast<float>(e.epsilon));
        offset[i] = e.bias.data[i] + ((b.data ? b.data[i] : 0) - e.mean.data[i]) * scale[i];
        finite = finite && std::isfinite(scale[i]) && std::isfinite(offset[i]);
    }
    // oneDNN's ReLU makes zero of a NaN, which has to be seen.
    if (!finite) {
        pfad::conv2d_batch_norm_forward<context, T>(ctx, x, w, b, y, g, stamp, e);
        return;
    }
    convolve<T>(ctx, p, x, w, view<const float, 1>{offset, {{k}}}, y, stamp,
                {scale, static_cast<std::size_t>(k)});
}

template <element T>
void conv2d_backward_input(context& ctx,
                           in<T, 4> gy,
                           in<T, 4> w,
                           out<T, 4> gx,
                           store how,
                           conv2d_geometry g,
                           const weight_stamp& stamp = {}) {
    const auto p = problem<T>(operation::conv2d_backward_input, gx.dims, w.dims, gy.dims, g);
    // oneDNN cannot add to what is there.
    tensor<T, 4> part;
    if (how == store::add)
        part = empty<T>(ctx, gx.dims);
    T* const to = part ? part.data() : gx.data;
    run_on_team(
        ctx, [&] { return p.name(); },
        [&] {
            auto& steps = conv2d_plan(ctx, p);
            packed_weights::copy temporary;
            bind_weight<T>(ctx, steps, w, stamp, temporary);
            steps.main.bind(DNNL_ARG_DIFF_DST, gy.data);
            steps.main.bind(DNNL_ARG_DIFF_SRC, to);
            steps.main.execute(ctx);
        });
    if (part)
        cpu::accumulate_forward(ctx, part.flat(), gx.flat(), store::add);
}

template <element T>
void conv2d_backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<float, 4> gw, store how, conv2d_geometry g) {
    const auto p = problem<T>(operation::conv2d_backward_weight, x.dims, gw.dims, gy.dims, g);
    run_on_team(
        ctx, [&] { return p.name(); },
        [&] {
            auto& steps = conv2d_plan(ctx, p);
            const auto packed = packed_weights::make(ctx, steps.packed);
            steps.main.bind(DNNL_ARG_SRC, x.data);
            steps.main.bind(DNNL_ARG_DIFF_DST, gy.data);
            steps.main.bind(DNNL_ARG_DIFF_WEIGHTS, packed.memory);
            steps.main.execute(ctx);
            auto& repack = how == store::add ? steps.repack_add : steps.repack;
            repack.bind(DNNL_ARG_FROM, packed.memory);
            repack.bind(DNNL_ARG_TO, gw.data);
            repack.execute(ctx);
        });
}

} // namespace pfad::onednn
