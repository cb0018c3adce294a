// 2-D convolution by cuDNN, under the names of ops/conv2d.hpp: three operations, each a graph, of
// which the forward one ends with what inference does next.
// layout    channels last, weights as they are
// precision sums in float, of double in double; float inputs as the context's precision says
// scratch   from the context's pool: plans are made once per shape, and a call after the first
//           allocates no other memory
// errors    errc::unsupported where cuDNN has no engine for a shape within the context's limits
// A sum with what is there is another pass. Of bf16 the bias is rounded to bf16 before it is added,
// and the weight's gradient once it is summed: no engine takes float there.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/cuda/copy.hpp>
#include <pfad/cudnn/context.hpp>
#include <pfad/cudnn/conv2d_problem.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/conv2d.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::cudnn {

/// The plan of a problem. Throws errc::unsupported where there is none.
[[nodiscard]] inline const plan& plan_of(context& ctx, const conv2d_problem& p) {
    const auto limits = ctx.limits(p.element);
    return ctx.plan_of(p.key(limits), [&] {
        auto wider = limits; // what is compiled for it alone, where nothing else serves
        wider.compiled = true;
        for (const auto& allowed : {limits, wider})
            if (auto ready = find_plan(ctx.plans_for(), p.operations(), allowed, p.name()))
                return ready;
        fail(errc::unsupported, "cuDNN, " + p.name() + ": no engine takes this shape");
    });
}

/// x as an array of To: itself, or a converted copy, which `copy` keeps.
template <class To, class From, int R>
[[nodiscard]] view<const To, R>
converted(context& ctx, view<const From, R> x, tensor<To, R, gpu>& copy) {
    if constexpr (std::is_same_v<To, From>) {
        return x;
    } else {
        copy = empty<To>(ctx, x.dims);
        cast_forward<From>(ctx, x.flat(), copy.flat().view());
        return copy;
    }
}

/// An array where plans may rely on addresses that are multiples of 16 bytes: itself, or a copy. A
/// sample's slice of a batch of odd extents is not aligned like that.
template <class T>
class aligned {
public:
    /// That cuDNN's fast engines want addresses to be a multiple of.
    static constexpr std::uintptr_t bytes = 16;

    /// To be written: finish() copies the result to where it belongs.
    aligned(context& ctx, view<T, 4> to) : to_(to), data_(to.data) {
        if (needed())
            data_ = (copy_ = empty<T>(ctx, to.dims)).data();
    }
    /// To be read.
    aligned(context& ctx, view<const T, 4> from) : aligned(ctx, writable(from)) {
        if (needed())
            copy(ctx, from, copy_.view());
    }
    /// Copies the result to where it belongs, where that is not aligned.
    void finish(context& ctx) const {
        if (needed())
            copy(ctx, view<const T, 4>(copy_), to_);
    }
    /// What cuDNN reads or writes.
    [[nodiscard]] T* data() const { return data_; }

private:
    [[nodiscard]] bool needed() const {
        return reinterpret_cast<std::uintptr_t>(to_.data) % bytes != 0;
    }
    static view<T, 4> writable(view<const T, 4> from) {
        return {const_cast<T*>(from.data), from.dims};
    }

    view<T, 4> to_;
    T* data_;
    tensor<T, 4, gpu> copy_;
};

/// conv2d, then + residual, + b, `after`. Residual and ReLU need b. What inference calls with batch
/// norm in w and b, see kernels/pfad/ops/conv2d_batch_norm.cuh.
template <class T>
void conv2d_epilogue_forward(context& ctx,
                             in<T, 4> x,
                             in<T, 4> w,
                             in<T, 1> b,
                             in<T, 4> residual,
                             post after,
                             out<T, 4> y,
                             conv2d_geometry g) {
    using p = conv2d_problem;
    const conv2d_epilogue epilogue = {residual.data != nullptr, b.data != nullptr, after};
    const auto& found =
        plan_of(ctx, {operation::forward, data_type<T>, x.dims, w.dims, y.dims, g, epilogue});
    const aligned<T> input(ctx, x), more(ctx, residual), result(ctx, y);
    std::vector<std::pair<std::int64_t, const void*>> arrays = {
        {p::x_array, input.data()}, {p::w_array, w.data}, {p::y_array, result.data()}};
    if (epilogue.bias)
        arrays.emplace_back(p::bias_array, b.data);
    if (epilogue.residual)
        arrays.emplace_back(p::residual_array, more.data());
    execute(ctx, found, arrays);
    result.finish(ctx);
}

template <class T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<accumulator_t<T>, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    tensor<T, 1, gpu> rounded;
    conv2d_epilogue_forward<T>(ctx, x, w,
                               b.data ? converted<T>(ctx, b, rounded) : view<const T, 1>{}, {},
                               post::none, y, g);
}

template <class T>
void conv2d_backward_input(context& ctx,
                           in<T, 4> gy,
                           in<T, 4> w,
                           out<T, 4> gx,
                           store how,
                           conv2d_geometry g,
                           const weight_stamp& = {}) {
    using p = conv2d_problem;
    const conv2d_problem problem = {
        operation::backward_input, data_type<T>, gx.dims, w.dims, gy.dims, g};
    tensor<T, 4, gpu> part;
    if (how == store::add)
        part = empty<T>(ctx, gx.dims);
    const aligned<T> result(ctx, part ? part.view() : gx), from(ctx, gy);
    execute(ctx, plan_of(ctx, problem),
            {{p::x_array, result.data()}, {p::w_array, w.data}, {p::y_array, from.data()}});
    result.finish(ctx);
    if (part)
        accumulate_forward(ctx, part.flat(), gx.flat(), how);
}

template <class T>
void conv2d_backward_weight(context& ctx,
                            in<T, 4> x,
                            in<T, 4> gy,
                            out<accumulator_t<T>, 4> gw,
                            store how,
                            conv2d_geometry g) {
    using p = conv2d_problem;
    using A = accumulator_t<T>;
    const conv2d_problem problem = {
        operation::backward_weight, data_type<T>, x.dims, gw.dims, gy.dims, g};
    const auto run = [&](view<T, 4> to) {
        const aligned<T> input(ctx, x), from(ctx, gy), result(ctx, to);
        execute(
            ctx, plan_of(ctx, problem),
            {{p::x_array, input.data()}, {p::w_array, result.data()}, {p::y_array, from.data()}});
        result.finish(ctx);
    };
    if constexpr (std::is_same_v<T, A>)
        if (how == store::set) {
            run(gw);
            return;
        }
    const auto part = empty<T>(ctx, gw.dims);
    run(part.view());
    if (how == store::set) {
        cast_forward<T>(ctx, part.flat(), gw.flat());
    } else {
        tensor<A, 4, gpu> exact;
        accumulate_forward(ctx, converted<A>(ctx, view<const T, 4>(part), exact).flat(), gw.flat(),
                           how);
    }
}

} // namespace pfad::cudnn
