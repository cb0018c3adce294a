// Stochastic gradient descent with momentum over flat parameters, a learning rate a group.
#pragma once

#include <pfad/ops/sgd.hpp>
#include <pfad/optim/flat_parameters.hpp>

namespace pfad {

/// v = momentum v + (g + decay w); w = w - rate v. Weight decay applies to every parameter, batch
/// norm and biases included, as the paper's baseline has it.
template <class T, class S = host>
class sgd {
public:
    /// Trains the parts of a tuple of parameter_group; of a network of bf16 with the same parts of the
    /// exact network behind, see flat_parameters.
    template <any_context C, class... Groups>
    sgd(C& ctx, sgd_options options, const Groups&... groups)
        : flat_(ctx, groups...), options_(options),
          scale_(full(ctx, shape<1>{{1}}, accumulator_t<T>(1))) {}

    /// From now on every group's rate times `factor`.
    template <any_context C>
    void scale_rates(C& ctx, double factor) {
        fill_forward(ctx, static_cast<accumulator_t<T>>(factor), scale_.view());
    }

    /// One update from the gradients that the last backward pass left.
    template <any_context C>
    void step(C& ctx) {
        flat_.complete_gradients(ctx);
        for (const auto& group : flat_.groups()) {
            const shape<1> dims = {{group.size}};
            const auto part = [&](const auto& block) {
                return block ? block.slice(group.offset, dims).view() : block.view();
            };
            sgd_update<T>(ctx, part(flat_.values), part(flat_.gradients), part(flat_.velocities),
                          part(flat_.rounded), group.rate, scale_, options_);
        }
        flat_.finish();
    }

    /// The momentum, to be saved and restored with a checkpoint.
    [[nodiscard]] const tensor<accumulator_t<T>, 1, S>& velocities() const {
        return flat_.velocities;
    }

private:
    flat_parameters<T, S> flat_;
    sgd_options options_;
    tensor<accumulator_t<T>, 1, S> scale_; // of the rates
};

} // namespace pfad
