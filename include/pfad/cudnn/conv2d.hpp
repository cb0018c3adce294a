// 2-D convolution by cuDNN, under the names of ops/conv2d.hpp: three operations, each a graph.
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
#include <pfad/ops/add.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/conv2d.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::cudnn {

/// What a graph computes.
enum class operation { forward, forward_with_bias, backward_input, backward_weight };

/// A convolution's shapes and the descriptors that follow from them.
struct conv2d_problem {
    operation op;            ///< forward or one of the two gradients
    cudnnDataType_t element; ///< of x, w and y
    /// Extents of input, weight (k, r, s, c) and output.
    shape<4> x, w, y;
    conv2d_geometry g; ///< stride, padding, dilation

    /// The numbers of the arrays.
    enum : std::int64_t { x_array = 1, w_array, y_array, bias_array, sum_array };

    /// What the plan is kept under.
    [[nodiscard]] plan_key key(const engine_limits& limits) const {
        const auto list = [](const shape<4>& s) { return std::array{s[0], s[1], s[2], s[3]}; };
        return {static_cast<int>(op),
                element,
                list(x),
                list(w),
                list(y),
                {g.stride, g.padding, g.dilation, 0},
                limits.tensor_cores,
                limits.nondeterministic};
    }

    /// For error messages.
    [[nodiscard]] std::string name() const {
        const char* const names[] = {"conv2d_forward", "conv2d_forward", "conv2d_backward_input",
                                     "conv2d_backward_weight"};
        return std::string(names[static_cast<int>(op)]) + " of input " + to_string(x) +
               " and weight " + to_string(w);
    }

    /// What it is computed with.
    [[nodiscard]] cudnnDataType_t inside() const {
        return element == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
    }

    /// cuDNN's description of the convolution itself.
    [[nodiscard]] descriptor convolution() const {
        descriptor result(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, name());
        const auto both = [](int value) { return std::array<std::int64_t, 2>{value, value}; };
        result.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, inside())
            .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
            .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t(2))
            .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, both(g.stride))
            .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, both(g.padding))
            .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, both(g.padding))
            .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, both(g.dilation));
        result.finalise();
        return result;
    }

    /// The operations of the graph, finalised. Needs no GPU.
    [[nodiscard]] std::vector<descriptor> operations() const {
        const bool with_bias = op == operation::forward_with_bias;
        const auto input = tensor_descriptor(x_array, element, x, name());
        const auto filter = tensor_descriptor(w_array, element, w, name());
        const auto result = tensor_descriptor(y_array, element, y, name());
        const auto sum = tensor_descriptor(sum_array, inside(), y, name(), true);
        std::vector<descriptor> list;
        if (op == operation::backward_input) {
            descriptor d(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, name());
            d.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution())
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, input)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, filter)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, result)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0);
            list.push_back(std::move(d.finalise()));
        } else if (op == operation::backward_weight) {
            descriptor d(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, name());
            d.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, convolution())
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, input)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, filter)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, result)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0);
            list.push_back(std::move(d.finalise()));
        } else {
            descriptor d(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, name());
            d.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution())
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, input)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, filter)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, with_bias ? sum : result)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0);
            list.push_back(std::move(d.finalise()));
        }
        if (with_bias) {
            descriptor add(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, name());
            add.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_ADD)
                .set(CUDNN_ATTR_POINTWISE_MATH_PREC, inside());
            add.finalise();
            const auto bias =
                tensor_descriptor(bias_array, element, shape<4>{{1, 1, 1, y[3]}}, name());
            descriptor d(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, name());
            d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, add)
                .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, sum)
                .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, bias)
                .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
            list.push_back(std::move(d.finalise()));
        }
        return list;
    }
};

/// The plan of a problem. Throws errc::unsupported where there is none.
[[nodiscard]] inline const plan& plan_of(context& ctx, const conv2d_problem& p) {
    const auto limits = ctx.limits(p.element);
    const auto& found = ctx.plan_of(p.key(limits), [&] {
        return find_plan(ctx.properties(), p.operations(), limits, p.name());
    });
    if (!found)
        fail(errc::unsupported, "cuDNN, " + p.name() + ": no engine takes this shape");
    return found;
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

template <class T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<accumulator_t<T>, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    using p = conv2d_problem;
    const auto op = b.data ? operation::forward_with_bias : operation::forward;
    const conv2d_problem problem = {op, data_type<T>, x.dims, w.dims, y.dims, g};
    const auto& found = plan_of(ctx, problem);
    const aligned<T> input(ctx, x), result(ctx, y);
    std::vector<std::pair<std::int64_t, const void*>> arrays = {
        {p::x_array, input.data()}, {p::w_array, w.data}, {p::y_array, result.data()}};
    tensor<T, 1, gpu> rounded;
    if (b.data)
        arrays.emplace_back(p::bias_array, converted<T>(ctx, b, rounded).data);
    execute(ctx, found, arrays);
    result.finish(ctx);
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
