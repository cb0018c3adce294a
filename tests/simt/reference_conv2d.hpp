// Dense convolutions under the emulator: cuDNN's part, which no emulator runs. Device memory is
// host memory there, so the plain loops stand in for it.
#pragma once

#include <pfad/cpu/context.hpp>
#include <pfad/cuda/context.hpp>
#include <pfad/ops/conv2d.hpp>

namespace pfad::cuda {

template <class T>
void conv2d_forward(context&,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<T, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    cpu::context plain(1);
    cpu::conv2d_forward(plain, x, w, b, y, g);
}

template <class T>
void conv2d_backward_input(context&,
                           in<T, 4> gy,
                           in<T, 4> w,
                           out<T, 4> gx,
                           store how,
                           conv2d_geometry g,
                           const weight_stamp& = {}) {
    cpu::context plain(1);
    cpu::conv2d_backward_input(plain, gy, w, gx, how, g);
}

template <class T>
void conv2d_backward_weight(
    context&, in<T, 4> x, in<T, 4> gy, out<T, 4> gw, store how, conv2d_geometry g) {
    cpu::context plain(1);
    cpu::conv2d_backward_weight(plain, x, gy, gw, how, g);
}

} // namespace pfad::cuda
