// The oneDNN primitives that a convolution executes.
#pragma once

#include <pfad/onednn/conv2d_problem.hpp>

namespace pfad::onednn {

/// oneDNN's description of the convolution, with batch norm's scale and ReLU where asked for.
[[nodiscard]] inline dnnl::convolution_forward::primitive_desc
describe_forward(context& ctx, const conv2d_problem& p) {
    const auto kind = dnnl::prop_kind::forward_training;
    const auto how = dnnl::algorithm::convolution_direct;
    auto attributes = user_scratchpad();
    if (p.after == post::relu) {
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

/// oneDNN's description of the gradient of the input.
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

/// oneDNN's description of the gradient of the weight.
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

/// The context's plan of a problem, made the first time.
[[nodiscard]] inline plan& conv2d_plan(context& ctx, const conv2d_problem& p) {
    return ctx.plan_of(p.key(), [&] { return make_conv2d_plan(ctx, p); });
}

} // namespace pfad::onednn
