// 2-D convolution, then batch norm: what stands at most convolutions of a residual network.
//   batch_norm(conv2d(x, w, b), p, after, residual)
// x (n, h, w, c), w (k, r, s, c), b (k), p of k channels, residual and y (n, oh, ow, k)
// requires  what those two do
// gradient  theirs
// precision theirs; oneDNN may multiply weights by the scale where they multiply results
// cost      conv2d's; batch norm's pass is saved where a backend fuses it, which it may where
//           nothing is to be differentiated and the statistics are constants
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/ops/batch_norm.hpp>
#include <pfad/ops/conv2d.hpp>

namespace pfad {

/// Whether batch norm is nothing but an epilogue of what computes its input.
template <class C, class... V>
[[nodiscard]] bool fuses_batch_norm(const tape<C>& t, const V&... inputs) {
    return t.phase == mode::eval && !t.wants(inputs...);
}

/// A batch norm in evaluation.
template <class T, class S>
[[nodiscard]] norm_view<T>
running_norm(const batch_norm_parameters<T, S>& p, post after, double epsilon) {
    return {p.weight.value,           p.bias.value, p.running_mean.value,
            p.running_variance.value, epsilon,      after};
}

/// The two one after the other, in the memory of the result: what a backend without a loop of its own
/// for both does. `residual` is of the result's shape, or empty.
template <class C, class T>
void conv2d_batch_norm_forward(C& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<accumulator_t<T>, 1> b,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const norm_view<T>& norm,
                               in<T, 4> residual) {
    conv2d_forward(ctx, x, w, b, y, g, stamp);
    batch_norm_forward(ctx, y, norm, residual, y);
}

/// Convolves x with w, adds the bias where there is one, normalises, adds `residual` where it holds
/// something, then `after`. The tape's phase picks batch or running statistics.
template <class C, class T, class S>
maps<T, S> conv2d_batch_norm(tape<C>& t,
                             const maps<T, S>& x,
                             const parameter<T, 4, S>& w,
                             const optional_bias<T, S>& b,
                             conv2d_geometry g,
                             const batch_norm_parameters<T, S>& p,
                             post after = post::none,
                             const maps<T, S>& residual = {},
                             batch_norm_options options = {}) {
    if (!fuses_batch_norm(t, x, w, p.weight, residual))
        return batch_norm(t, conv2d(t, x, w, b, g), p, after, residual, options);
    const shape<4> dims = conv2d_dims(x.dims(), w.dims(), g);
    check_batch_norm(dims, p, residual);
    auto y = empty<T>(t.context, dims);
    conv2d_batch_norm_forward(t.context, x.value, w.value,
                              b ? b->value.view() : view<accumulator_t<T>, 1>{}, y.view(), g,
                              w.stamp, running_norm(p, after, options.epsilon), residual.value);
    return constant(std::move(y));
}

} // namespace pfad
