// conv2d_batch_norm: the convolution of whatever backend has it, then batch_norm's pointwise pass in
// its memory. Bytes: the convolution's and 2 y, 3 y with a residual.
#pragma once

#include <pfad/ops/batch_norm.cuh>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <concepts>

namespace pfad::cuda {

template <std::derived_from<context> C, class T>
void conv2d_batch_norm_forward(C& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<accumulator_t<T>, 1> b,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const batch_norm_epilogue<T>& e) {
    conv2d_forward(ctx, x, w, b, y, g, stamp);
    batch_norm_forward(ctx, y, e.weight, e.bias, e.mean, e.variance, e.epsilon, e.residual, e.after,
                       y);
}

} // namespace pfad::cuda
