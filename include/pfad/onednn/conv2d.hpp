// 2-D convolution of float and bf16 by oneDNN, under the names of ops/conv2d.hpp and
// ops/conv2d_batch_norm.hpp.
// layout    images channels last as they are; weights packed into the layout that the primitive
//           prefers (given plain weights oneDNN is up to 1000 times slower), which is not the same
//           one forward and backward, and kept as long as the weight's stamp stays
// precision accumulates in float, in an order that depends on the processor, the shape and the
//           number of threads; batch norm's scale goes into the packed weights, where they are kept
// scratch   from the context's pool: primitives are made once per shape, and a call after the first
//           takes no new memory from it
// The gradient of the bias stays the reference's sum, which is limited by memory either way.
#pragma once

#include <pfad/onednn/conv2d_plan.hpp>
#include <pfad/onednn/winograd.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

namespace pfad::onednn {

/// "winograd", or oneDNN's name for the code that it chose, "ref:any" being the one to avoid.
[[nodiscard]] inline std::string conv2d_implementation(context& ctx, const conv2d_problem& p) {
    if (winograd::is_chosen(ctx, p))
        return "winograd";
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
    const auto form = scale.empty() ? packed_weights::form::plain : packed_weights::form::scaled;
    auto& copy = stamp.identity() ? ctx.weights.of(ctx, stamp, steps.packed, form) : temporary;
    if (!copy.holds(stamp, scale)) {
        copy.filled = false;
        tensor<float, 4> product;
        if (!scale.empty()) {
            product = empty<float>(ctx, plain.dims);
            const std::int64_t size = plain.size() / plain.extent(0);
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
    if (winograd::is_chosen(ctx, p)) {
        winograd::forward<T>(ctx, x, w, y, g, {}, {.offset = b.data});
        return;
    }
    p.bias = b.data != nullptr;
    convolve<T>(ctx, p, x, w, b, y, stamp);
}

/// What batch norm does to results without a bias, or to those with the bias `b`: (scale, offset).
template <element T>
[[nodiscard]] tensor<float, 2> affine_of(context& ctx, const norm_view<T>& norm, in<float, 1> b) {
    const std::int64_t k = norm.weight.size();
    auto result = empty<float>(ctx, shape<2>{{2, k}});
    float* const scale = result.data();
    for (std::int64_t i = 0; i < k; ++i) {
        scale[i] = norm.weight.data[i] /
                   std::sqrt(norm.variance.data[i] + static_cast<float>(norm.epsilon));
        scale[k + i] =
            norm.bias.data[i] + ((b.data ? b.data[i] : 0) - norm.mean.data[i]) * scale[i];
    }
    return result;
}

/// Winograd's convolution does all of it to its results. Else scale and offset go into the packed
/// weights and the bias, ReLU into oneDNN's own loop. A residual is then added in a pass of its own:
/// as a part of oneDNN's loop it costs more. So is the whole of it where the weight is another one
/// every time.
template <element T>
void conv2d_batch_norm_forward(context& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<float, 1> b,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const norm_view<T>& norm,
                               in<T, 4> residual) {
    const std::int64_t k = w.extent(0);
    auto p = problem<T>(operation::conv2d_forward, x.dims, w.dims, y.dims, g);
    const bool kept = stamp.identity() != nullptr, tiled = winograd::is_chosen(ctx, p, kept);
    if (!tiled && (residual.data || !kept)) {
        pfad::conv2d_batch_norm_forward<context, T>(ctx, x, w, b, y, g, stamp, norm, residual);
        return;
    }
    const auto affine = affine_of(ctx, norm, b);
    float* const scale = affine.data();
    float* const offset = scale + k;
    if (tiled) {
        winograd::forward<T>(ctx, x, w, y, g, stamp, {scale, offset, residual.data, norm.after});
        return;
    }
    // oneDNN's ReLU makes zero of a NaN, which has to be seen.
    const bool finite =
        std::all_of(scale, scale + 2 * k, [](float value) { return std::isfinite(value); });
    if (!finite) {
        pfad::conv2d_batch_norm_forward<context, T>(ctx, x, w, b, y, g, stamp, norm, residual);
        return;
    }
    p.bias = p.scaled = true;
    p.after = norm.after;
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
    if (winograd::is_chosen(ctx, p)) {
        winograd::backward_input<T>(ctx, gy, w, gx, how, g);
        return;
    }
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

namespace detail {

/// The pixels that a strided 1x1 convolution sees, as a map of their own.
template <class T>
tensor<T, 4> strided_pixels(context& ctx, in<T, 4> x, const shape<4>& like, int stride) {
    auto result = empty<T>(ctx, shape<4>{{x.extent(0), like[1], like[2], x.extent(3)}});
    const std::int64_t c = x.extent(3), rows = x.extent(0) * like[1];
    cpu::parallel_for(ctx, rows, like[2] * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t j = 0; j < like[2]; ++j)
                std::copy_n(&x(row / like[1], row % like[1] * stride, j * stride, 0), c,
                            result.data() + (row * like[2] + j) * c);
    });
    return result;
}

} // namespace detail

template <element T>
void conv2d_backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<float, 4> gw, store how, conv2d_geometry g) {
    // oneDNN 2.6 writes beyond its memory for such a one where channels do not fill a vector.
    if (gw.extent(1) == 1 && gw.extent(2) == 1 && g.padding == 0 && g.stride > 1 &&
        x.extent(3) % 16 != 0) {
        const auto seen = detail::strided_pixels<T>(ctx, x, gy.dims, g.stride);
        conv2d_backward_weight<T>(ctx, seen, gy, gw, how, {1, 0, 1});
        return;
    }
    const auto p = problem<T>(operation::conv2d_backward_weight, x.dims, gw.dims, gy.dims, g);
    if (winograd::is_chosen(ctx, p)) {
        winograd::backward_weight<T>(ctx, x, gy, gw, how, g);
        return;
    }
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
