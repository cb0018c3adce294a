// sgd: stochastic gradient descent with momentum and weight decay over a flat block, in place.
//   d = g + decay w;  v = momentum v + d;  w = w - rate v        (v starts at 0)
// requires  equal sizes
// cost      3 reads 2 writes
#pragma once

#include <pfad/core/view.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cstdint>

namespace pfad {

/// The defaults are the paper's (section 4.3).
struct sgd_options {
    double momentum = 0.9;
    double weight_decay = 1e-4;
};

namespace cpu {

template <class T>
void sgd_update(
    context& ctx, out<T, 1> w, in<T, 1> g, out<T, 1> v, double rate, sgd_options options) {
    T const lr = static_cast<T>(rate), momentum = static_cast<T>(options.momentum);
    T const decay = static_cast<T>(options.weight_decay);
    parallel_for(ctx, w.size(), 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            T const step = momentum * v.data[i] + (g.data[i] + decay * w.data[i]);
            v.data[i] = step;
            w.data[i] -= lr * step;
        }
    });
}

} // namespace cpu

} // namespace pfad
