// The products of matrices of a Winograd convolution, by oneDNN, each on one thread.
#pragma once

#include <pfad/onednn/context.hpp>
#include <pfad/onednn/winograd_transforms.hpp>

#include <cstdint>
#include <string>

namespace pfad::onednn::winograd {

/// One of three products of 36 matrices.
enum class product {
    image,       ///< (tiles, c) by (c, k)
    kernel,      ///< (tiles, k)' by (tiles, c)
    kernel_added ///< the same, added to what is there
};

/// For error messages.
[[nodiscard]] inline std::string product_name() {
    return "the products of a Winograd convolution";
}

/// A product of (rows, inner) by (inner, columns), planned for one thread.
[[nodiscard]] inline step plan_product(
    context& ctx, product which, std::int64_t rows, std::int64_t inner, std::int64_t columns) {
    const auto make = [&] {
        using tag = dnnl::memory::format_tag;
        const dnnl::memory::desc x({frequencies, rows, inner}, data_type<float>,
                                   which == product::image ? tag::abc : tag::acb);
        const dnnl::memory::desc y({frequencies, inner, columns}, data_type<float>, tag::abc);
        const dnnl::memory::desc result({frequencies, rows, columns}, data_type<float>, tag::abc);
        auto attributes = user_scratchpad();
        if (which == product::kernel_added) {
            dnnl::post_ops after;
            after.append_sum(1.0f);
            attributes.set_post_ops(after);
        }
#if DNNL_VERSION_MAJOR >= 3
        const dnnl::matmul::primitive_desc made(ctx.engine, x, y, result, attributes);
#else
        const dnnl::matmul::primitive_desc made({x, y, result}, attributes, ctx.engine);
#endif
        plan steps;
        steps.main = {dnnl::matmul(made),
                      made,
                      {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, y}, {DNNL_ARG_DST, result}}};
        return steps;
    };
    const primitive_key key = {.op = operation::winograd_product,
                               .element = data_type<float>,
                               .a = {rows, inner, columns, static_cast<std::int64_t>(which)}};
    step result;
    run_alone(ctx, product_name, [&] { result = ctx.plan_of(key, make).main; });
    return result;
}

/// result = x y, by the calling thread alone.
inline void
multiply(context& ctx, const step& plan, const float* x, const float* y, float* result) {
    const one_thread_scope alone;
    name_failures(product_name, [&] { plan.execute_alone(ctx, x, y, result); });
}

} // namespace pfad::onednn::winograd
