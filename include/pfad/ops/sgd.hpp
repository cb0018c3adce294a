// sgd: stochastic gradient descent with momentum and weight decay over a flat block, in place.
//   d = g + decay w;  v = momentum v + d;  w = w - rate scale v  (v starts at 0)
// A network of bf16 reads the weights rounded, while w keeps their digits: an update is often less
// than half a step of bf16, and would be lost.
// `scale`, one value, is in memory: a captured step repeats its other arguments.
// requires  equal sizes
// cost      3 reads 2 writes, and the rounded weights
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/view.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cstdint>

namespace pfad {

/// The defaults are the paper's (section 4.3).
struct sgd_options {
    double momentum = 0.9;      ///< of the velocity
    double weight_decay = 1e-4; ///< of every value
};

namespace cpu {

/// `rounded`, if it is not empty, gets w in T.
template <class T>
void sgd_update(context& ctx,
                out<accumulator_t<T>, 1> w,
                in<accumulator_t<T>, 1> g,
                out<accumulator_t<T>, 1> v,
                out<T, 1> rounded,
                double rate,
                in<accumulator_t<T>, 1> scale,
                sgd_options options) {
    using A = accumulator_t<T>;
    const A lr = static_cast<A>(rate) * scale.data[0], momentum = static_cast<A>(options.momentum);
    const A decay = static_cast<A>(options.weight_decay);
    parallel_for(ctx, w.size(), 3, [=](std::int64_t begin, std::int64_t end) {
        A* const values = w.data;
        A* const velocities = v.data;
        const A* const gradients = g.data;
        for (std::int64_t i = begin; i < end; ++i) {
            const A step = momentum * velocities[i] + (gradients[i] + decay * values[i]);
            velocities[i] = step;
            values[i] -= lr * step;
        }
        if (T* const to = rounded.data)
            for (std::int64_t i = begin; i < end; ++i)
                to[i] = static_cast<T>(values[i]);
    });
}

} // namespace cpu

} // namespace pfad
