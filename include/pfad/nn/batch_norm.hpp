// The batch norm layer: weight 1, bias 0, running mean 0, running variance 1 at the start.
#pragma once

#include <pfad/nn/module.hpp>
#include <pfad/ops/batch_norm.hpp>

#include <algorithm>

namespace pfad::nn {

/// Normalises each channel by its batch's or its running statistics; four vectors of c.
template <class T, class S = host>
struct batch_norm {
    batch_norm_parameters<T, S> parameters; ///< what it owns

    template <memory_source C>
    batch_norm(C& ctx, int channels) {
        using A = accumulator_t<T>;
        const shape<1> dims = {{channels}};
        parameters = {{full(ctx, dims, A(1))},
                      {full(ctx, dims, A(0))},
                      {full(ctx, dims, A(0))},
                      {full(ctx, dims, A(1))}};
    }

    auto fields() {
        return pfad::fields("weight", parameters.weight, "bias", parameters.bias, "running_mean",
                            parameters.running_mean, "running_var", parameters.running_variance);
    }

    /// Normalises; adds `residual` where it holds something; then `after`, all in one pass.
    template <class C>
    maps<T, S> operator()(tape<C>& t,
                          const maps<T, S>& x,
                          post after = post::none,
                          const maps<T, S>& residual = {}) const {
        return pfad::batch_norm(t, x, parameters, after, residual);
    }

    void initialise(initialiser, random_stream&) {
        using A = accumulator_t<T>;
        std::ranges::fill(elements(parameters.weight), A(1));
        std::ranges::fill(elements(parameters.bias), A(0));
        std::fill_n(parameters.running_mean.value.data(), parameters.running_mean.value.size(),
                    A(0));
        std::fill_n(parameters.running_variance.value.data(),
                    parameters.running_variance.value.size(), A(1));
    }
};

} // namespace pfad::nn
