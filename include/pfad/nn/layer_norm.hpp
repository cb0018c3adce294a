// The layer norm layer: weight 1, bias 0 at the start.
#pragma once

#include <pfad/nn/module.hpp>
#include <pfad/ops/layer_norm.hpp>

#include <algorithm>

namespace pfad::nn {

/// Normalises every position over its channels, by itself: no statistics of a batch, none to keep.
template <class T, class S = host>
struct layer_norm {
    parameter<accumulator_t<T>, 1, S> weight; ///< (c)
    parameter<accumulator_t<T>, 1, S> bias;   ///< (c)

    template <memory_source C>
    layer_norm(C& ctx, int channels) {
        using A = accumulator_t<T>;
        weight.value = full(ctx, shape<1>{{channels}}, A(1));
        bias.value = full(ctx, shape<1>{{channels}}, A(0));
    }

    auto fields() { return pfad::fields("weight", weight, "bias", bias); }

    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        return pfad::layer_norm(t, x, weight, bias);
    }

    void initialise(initialiser, random_stream&) {
        using A = accumulator_t<T>;
        std::ranges::fill(elements(weight), A(1));
        std::ranges::fill(elements(bias), A(0));
    }
};

} // namespace pfad::nn
