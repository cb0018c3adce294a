// The same calls in both units: their definitions must be the same, whatever came before.
#pragma once

#include <pfad/cpu/context.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/conv2d.hpp>

#include <cstdint>

/// The sum of a 3 x 3 convolution of ones over a 4 x 4 picture of ones: 100.
inline double convolve_ones() {
    pfad::cpu::context ctx(2);
    const auto x = pfad::full<float>(ctx, pfad::shape<4>{{1, 4, 4, 1}}, 1);
    const auto w = pfad::full<float>(ctx, pfad::shape<4>{{1, 3, 3, 1}}, 1);
    const auto y = pfad::empty<float>(ctx, pfad::shape<4>{{1, 4, 4, 1}});
    pfad::cpu::conv2d_forward<float>(ctx, x, w, {}, y, pfad::conv2d_geometry{1, 1, 1});
    double sum = 0;
    for (std::int64_t i = 0; i < y.size(); ++i)
        sum += y.data()[i];
    return sum;
}

double first_result();
