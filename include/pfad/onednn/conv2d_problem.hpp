// What a convolution by oneDNN is made from.
#pragma once

#include <pfad/onednn/context.hpp>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace pfad::onednn {

/// A convolution's shapes and the oneDNN descriptors that follow from them.
struct conv2d_problem {
    operation op;                    ///< forward or one of the two gradients
    dnnl::memory::data_type element; ///< of images and weights; gradients of weights are float
    /// Extents of input, weight (k, r, s, c) and output.
    shape<4> x, w, y;
    bool bias;               ///< whether one is added
    conv2d_geometry g;       ///< stride, padding, dilation
    bool scaled = false;     ///< forward: packed from float, which holds the product with a scale
    post after = post::none; ///< what the primitive does to the result

    using tag = dnnl::memory::format_tag; ///< oneDNN's names of layouts.

    /// What the plan is kept under.
    [[nodiscard]] primitive_key key() const {
        const auto list = [](const shape<4>& s) { return std::array{s[0], s[1], s[2], s[3]}; };
        const std::int64_t end = 2 * (after == post::relu) + scaled;
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
    /// x, channels last.
    [[nodiscard]] dnnl::memory::desc input() const { return describe(x, element, tag::nhwc); }
    /// y, channels last.
    [[nodiscard]] dnnl::memory::desc output() const { return describe(y, element, tag::nhwc); }
    /// The weight in a layout of oneDNN's choice.
    [[nodiscard]] dnnl::memory::desc any_weight() const { return describe(w, element, tag::any); }
    /// Its gradient in a layout of oneDNN's choice.
    [[nodiscard]] dnnl::memory::desc any_weight_gradient() const {
        return describe(w, data_type<float>, tag::any);
    }
    /// The weight outside of oneDNN, or its gradient.
    [[nodiscard]] dnnl::memory::desc plain_weight() const {
        const bool exact = scaled || op == operation::conv2d_backward_weight;
        return describe(w, exact ? data_type<float> : element, tag::ohwi);
    }
    /// The bias, empty where there is none.
    [[nodiscard]] dnnl::memory::desc bias_vector() const {
        return bias ? dnnl::memory::desc({w[0]}, dnnl::memory::data_type::f32, tag::x)
                    : dnnl::memory::desc();
    }
    /// As oneDNN takes them.
    [[nodiscard]] dnnl::memory::dims strides() const { return {g.stride, g.stride}; }
    /// As oneDNN takes them: 0 is none.
    [[nodiscard]] dnnl::memory::dims dilates() const { return {g.dilation - 1, g.dilation - 1}; }
    /// As oneDNN takes it, the same on every side.
    [[nodiscard]] dnnl::memory::dims padding() const { return {g.padding, g.padding}; }
};

/// The problem of a convolution of T.
template <element T>
[[nodiscard]] conv2d_problem
problem(operation op, const shape<4>& x, const shape<4>& w, const shape<4>& y, conv2d_geometry g) {
    require_element<T>();
    return {op, data_type<T>, x, w, y, false, g};
}

} // namespace pfad::onednn
