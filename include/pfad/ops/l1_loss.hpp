// l1_loss: equation (11) of the paper, mean |m - p|.
// requires  equal shapes
// gradient  sign(p - m) g / count, 0 where they are equal
// precision sums in double
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/fill.hpp>

#include <cmath>
#include <cstdint>

namespace pfad {

namespace cpu {

/// loss (1) from the probabilities p and the mask.
template <class T>
void l1_loss_forward(context&, in<T, 1> p, in<T, 1> mask, out<accumulator_t<T>, 1> loss) {
    double sum = 0;
    for (std::int64_t i = 0; i < p.size(); ++i)
        sum += std::abs(static_cast<double>(mask.data[i] - p.data[i]));
    loss.data[0] = static_cast<accumulator_t<T>>(sum / static_cast<double>(p.size()));
}

/// gp from the probabilities p, the mask, and gloss (1).
template <class T>
void l1_loss_backward(
    context&, in<T, 1> p, in<T, 1> mask, in<accumulator_t<T>, 1> gloss, out<T, 1> gp, store how) {
    using A = accumulator_t<T>;
    const A g = gloss.data[0] / static_cast<A>(gp.size());
    for (std::int64_t i = 0; i < gp.size(); ++i) {
        const A d = p.data[i] - mask.data[i];
        put(gp.data[i], d > A(0) ? g : (d < A(0) ? -g : A(0)), how);
    }
}

} // namespace cpu

/// The mean absolute difference of probabilities and a mask: one value.
template <class C, class T, int R, class S>
variable<accumulator_t<T>, 1, S>
l1_loss(tape<C>& t, const variable<T, R, S>& p, const tensor<T, R, S>& mask) {
    expect(p.dims() == mask.dims(), "l1_loss", "shapes are equal", p.dims(), mask.dims());
    auto loss = t.result(empty<accumulator_t<T>>(t.context, shape<1>{{1}}), t.wants(p));
    l1_loss_forward<T>(t.context, p.value.flat(), mask.flat(), loss.value.view());
    t.record(loss, [p, mask](C& ctx, in<accumulator_t<T>, 1> gy) {
        const auto g = p.slot->claim(ctx, p.dims());
        l1_loss_backward(ctx, p.value.flat(), mask.flat(), gy, g.to.flat(), g.how);
    });
    return loss;
}

} // namespace pfad
