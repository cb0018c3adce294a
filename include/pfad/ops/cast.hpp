// cast: y = x in another element type, rounded to the nearest, ties to even.
// requires  equal sizes
// gradient  none: only what the optimiser holds is cast
// cost      1 read 1 write
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cstdint>

namespace pfad::cpu {

/// y[i] = x[i]. From is named: cast_forward<float>(ctx, x, y).
template <class From, class To>
void cast_forward(context& ctx, in<From, 1> x, out<To, 1> y) {
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            y.data[i] = static_cast<To>(
                static_cast<accumulator_t<To>>(static_cast<accumulator_t<From>>(x.data[i])));
    });
}

} // namespace pfad::cpu
