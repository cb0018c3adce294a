// fill: every element gets one value.
#pragma once

#include <pfad/core/view.hpp>
#include <pfad/cpu/parallel.hpp>

#include <algorithm>

namespace pfad::cpu {

/// y[i] = value.
template <class T>
void fill_forward(context& ctx, std::type_identity_t<T> value, out<T, 1> y) {
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        std::fill(y.data + begin, y.data + end, value);
    });
}

} // namespace pfad::cpu
