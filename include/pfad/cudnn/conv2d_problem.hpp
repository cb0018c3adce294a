// A convolution as cuDNN's graph interface wants it: its shapes, the operations that follow from them,
// what its plan is kept under. None of it needs a GPU.
#pragma once

#include <pfad/core/shape.hpp>
#include <pfad/cudnn/context.hpp>
#include <pfad/cudnn/graph.hpp>
#include <pfad/ops/batch_norm.hpp>
#include <pfad/ops/conv2d.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pfad::cudnn {

/// What a graph computes.
enum class operation { forward, backward_input, backward_weight };

/// What a forward convolution adds to its sums before it stores them, in this order.
struct conv2d_epilogue {
    bool residual = false;   ///< an array of the result's shape
    bool bias = false;       ///< a value a filter
    post after = post::none; ///< ReLU, which keeps a NaN

    friend bool operator==(const conv2d_epilogue&, const conv2d_epilogue&) = default;
};

/// A convolution's shapes and the descriptors that follow from them.
struct conv2d_problem {
    operation op;            ///< forward or one of the two gradients
    cudnnDataType_t element; ///< of x, w and y
    /// Extents of input, weight (k, r, s, c) and output.
    shape<4> x, w, y;
    conv2d_geometry g;             ///< stride, padding, dilation
    conv2d_epilogue epilogue = {}; ///< of forward

    /// The numbers of the arrays; sums are those between two operations.
    enum : std::int64_t { x_array = 1, w_array, y_array, bias_array, residual_array, sum_array };

    /// What the plan is kept under.
    [[nodiscard]] plan_key key(const engine_limits& limits) const {
        const auto list = [](const shape<4>& s) { return std::array{s[0], s[1], s[2], s[3]}; };
        return {static_cast<int>(op),
                element,
                list(x),
                list(w),
                list(y),
                {g.stride, g.padding, g.dilation,
                 epilogue.residual + 2 * epilogue.bias + 4 * (epilogue.after == post::relu)},
                limits.tensor_cores,
                limits.nondeterministic};
    }

    /// For error messages.
    [[nodiscard]] std::string name() const {
        const char* const names[] = {"conv2d_forward", "conv2d_backward_input",
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
        const auto input = tensor_descriptor(x_array, element, x, name());
        const auto filter = tensor_descriptor(w_array, element, w, name());
        const auto result = tensor_descriptor(y_array, element, y, name());
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
            // What follows the convolution, the array that it takes, if any, and the result of each.
            std::vector<std::pair<cudnnPointwiseMode_t, descriptor>> steps;
            if (epilogue.residual)
                steps.emplace_back(CUDNN_POINTWISE_ADD,
                                   tensor_descriptor(residual_array, element, y, name()));
            if (epilogue.bias)
                steps.emplace_back(
                    CUDNN_POINTWISE_ADD,
                    tensor_descriptor(bias_array, element, shape<4>{{1, 1, 1, y[3]}}, name()));
            if (epilogue.after == post::relu)
                steps.emplace_back(CUDNN_POINTWISE_RELU_FWD, descriptor());
            std::vector<descriptor> sums;
            for (std::size_t i = 0; i < steps.size(); ++i)
                sums.push_back(tensor_descriptor(sum_array + static_cast<std::int64_t>(i), inside(),
                                                 y, name(), true));
            const auto after_step = [&](std::size_t i) -> const descriptor& {
                return i < sums.size() ? sums[i] : result;
            };
            descriptor d(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, name());
            d.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution())
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, input)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, filter)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, after_step(0))
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)
                .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0);
            list.push_back(std::move(d.finalise()));
            for (std::size_t i = 0; i < steps.size(); ++i)
                list.push_back(
                    pointwise(steps[i].first, after_step(i), steps[i].second, after_step(i + 1)));
        }
        return list;
    }

private:
    // to = mode(from, other); `other` may be empty.
    [[nodiscard]] descriptor pointwise(cudnnPointwiseMode_t mode,
                                       const descriptor& from,
                                       const descriptor& other,
                                       const descriptor& to) const {
        descriptor what(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, name());
        what.set(CUDNN_ATTR_POINTWISE_MODE, mode)
            .set(CUDNN_ATTR_POINTWISE_MATH_PREC, inside())
            .set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN);
        what.finalise();
        descriptor d(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, name());
        d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, from)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, to);
        if (other.get())
            d.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
        return std::move(d.finalise());
    }
};

} // namespace pfad::cudnn
