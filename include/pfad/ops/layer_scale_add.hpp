// layer_scale_add: y = x + gamma z, gamma (c) per channel: RCM's last step.
//   gradient  gx = gy, gz = gamma gy, ggamma[c] = sum gy z  (fixed chunks, double)
//   cost      2 reads 1 write; backward 2 reads 2 writes
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/add.hpp>

namespace pfad {

namespace cpu {

/// y = x + gamma z; x, z, y (n, h, w, c), gamma (c).
template <class T>
void layer_scale_add_forward(
    context& ctx, in<T, 4> x, in<T, 4> z, in<accumulator_t<T>, 1> gamma, out<T, 4> y) {
    const std::int64_t c = y.extent(3);
    parallel_for(ctx, y.size() / c, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t i = 0; i < c; ++i)
                y.data[row * c + i] =
                    static_cast<T>(x.data[row * c + i] + gamma.data[i] * z.data[row * c + i]);
    });
}

/// gz (n, h, w, c) from gy and gamma (c).
template <class T>
void layer_scale_add_backward_input(
    context& ctx, in<T, 4> gy, in<accumulator_t<T>, 1> gamma, out<T, 4> gz, store how) {
    const std::int64_t c = gz.extent(3);
    parallel_for(ctx, gz.size() / c, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t i = 0; i < c; ++i)
                put(gz.data[row * c + i], gamma.data[i] * gy.data[row * c + i], how);
    });
}

/// ggamma (c) from z and gy (n, h, w, c).
template <class T>
void layer_scale_add_backward_scale(
    context& ctx, in<T, 4> z, in<T, 4> gy, out<accumulator_t<T>, 1> ggamma, store how) {
    const std::int64_t c = ggamma.size();
    const auto split = fixed_chunks::of(z.size() / c, 64);
    const auto partial = full(ctx, shape<2>{{split.size(), c}}, 0.0);
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        double* const sum = partial.data() + chunk * c;
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t i = 0; i < c; ++i)
                sum[i] += static_cast<double>(gy.data[row * c + i] * z.data[row * c + i]);
    });
    for (std::int64_t i = 0; i < c; ++i) {
        double sum = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk)
            sum += partial.data()[chunk * c + i];
        put(ggamma.data[i], static_cast<accumulator_t<T>>(sum), how);
    }
}

} // namespace cpu

/// x + gamma z, where gamma has one value a channel.
template <class C, class T, class S>
maps<T, S> layer_scale_add(tape<C>& t,
                           const maps<T, S>& x,
                           const maps<T, S>& z,
                           const parameter<accumulator_t<T>, 1, S>& gamma) {
    expect(x.dims() == z.dims(), "layer_scale_add", "shapes are equal", x.dims(), z.dims());
    expect(gamma.dims()[0] == x.extent(3), "layer_scale_add", "one scale a channel", x.dims(),
           gamma.dims());
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x, z, gamma));
    layer_scale_add_forward(t.context, x.value, z.value, gamma.value, y.value.view());
    t.record(y, [x, z, gamma](C& ctx, in<T, 4> gy) {
        const auto gs = gamma.slot->claim(ctx, gamma.dims());
        layer_scale_add_backward_scale<T>(ctx, z.value, gy, gs.to, gs.how);
        if (z.slot) {
            const auto g = z.slot->claim(ctx, z.dims());
            layer_scale_add_backward_input(ctx, gy, gamma.value, g.to, g.how);
        }
        if (x.slot) {
            const auto g = x.slot->claim(ctx, x.dims());
            accumulate_forward(ctx, gy.flat(), g.to.flat(), g.how);
        }
    });
    return y;
}

} // namespace pfad
