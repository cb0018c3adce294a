// A network on any context, in any element type, and the steps that are compared and timed: the
// map, and an iteration of each stage of training.
#pragma once

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/pfad.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pfad::test {

/// Copies a network of float on the host to any space, rounding to the target's element types.
template <class C, class A, class B>
void place_network(C& ctx, A& from, B& to) {
    cpu::context plain(1);
    visit_pairs(from, to, [&](auto& p, auto& q) {
        using element = typename std::remove_cvref_t<decltype(q.value)>::element;
        const auto here = empty<element>(plain, p.value.dims());
        std::transform(p.value.data(), p.value.data() + p.value.size(), here.data(),
                       [](float x) { return static_cast<element>(x); });
        copy(ctx, here, q.value.view());
        synchronise(ctx); // before `here` goes
        if constexpr (requires { q.stamp; })
            q.stamp.touch();
    });
}

/// Learning rates of a stage: of the student or the residual blocks, and of what follows them.
struct stage_rates {
    double first = 0.1, rest = 0.01;
};

template <class T, class C>
class network_steps {
public:
    using space = typename C::space;
    using exact = accumulator_t<T>;
    using picture = maps<T, space>;

    network_steps(C& ctx, pfadseg<float>& start)
        : ctx_(ctx), start_(start), model_(ctx, start.options) {
        place_network(ctx, start, model_);
    }
    network_steps(const network_steps&) = delete;
    network_steps& operator=(const network_steps&) = delete;

    /// The probability of a defect.
    [[nodiscard]] tensor<T, 4, space> map(const picture& x) {
        tape<C> t(ctx_, mode::eval);
        return model_(t, x).value;
    }

    /// Moves running statistics towards those of these pictures, so that evaluation sees ordinary
    /// activations.
    void adapt(const picture& x) {
        tape<C> t(ctx_, mode::train, recording::off);
        static_cast<void>(model_(t, x));
    }

    /// Starts stage 1 or 2 with a momentum of zero.
    void begin(int stage, stage_rates rates = {}) {
        // bf16 trains beside exact values, which are made when they are first needed.
        if constexpr (rounded)
            if (!exact_) {
                exact_.emplace(ctx_, start_.options);
                place_network(ctx_, start_, *exact_);
            }
        optimiser_.reset();
        options_.student_rate = options_.residual_rate = rates.first;
        options_.head_rate = rates.rest;
        const auto start = [&](const auto& groups) {
            optimiser_.emplace(ctx_, sgd_options{}, groups(model_), groups(exact_network()));
        };
        if (stage == 1)
            start(std::get<0>(stages_of(options_)).groups);
        else
            start(std::get<1>(stages_of(options_)).groups);
    }

    /// Stage 1 up to the gradients; the loss.
    tensor<exact, 1, space> student_gradients(const picture& clean, const picture& corrupted) {
        return gradients<0>({clean.value, corrupted.value, {}});
    }

    /// Stage 2 up to the gradients; the focal and the L1 loss.
    tensor<exact, 1, space> segmentation_gradients(const picture& corrupted,
                                                   const tensor<T, 4, space>& mask) {
        return gradients<1>({corrupted.value, corrupted.value, mask});
    }

    /// The optimiser's part of a step.
    void update() { optimiser_->step(ctx_); }

    [[nodiscard]] auto& network() { return model_; }
    /// The network that has the exact values: of bf16 the one of float.
    [[nodiscard]] auto& exact_network() {
        if constexpr (rounded)
            return *exact_;
        else
            return model_;
    }

private:
    static constexpr bool rounded = !std::is_same_v<T, exact>;

    static auto stages_of(const pfadseg_options& o) { return pfadseg<T, space>::stages(o); }

    template <std::size_t I>
    tensor<exact, 1, space> gradients(const data::corrupted_pictures<T, space>& x) {
        tape<C> t(ctx_, mode::train);
        const auto found = std::get<I>(stages_of(options_)).losses(model_, t, x);
        backward(t, found);
        return found.parts;
    }

    pfadseg_options options_;
    C& ctx_;
    pfadseg<float>& start_;
    pfadseg<T, space> model_;
    std::optional<pfadseg<exact, space>> exact_;
    std::optional<sgd<T, space>> optimiser_;
};

} // namespace pfad::test
