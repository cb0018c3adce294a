// focal_loss: equation (10) of the paper, on probabilities.
//   loss = mean( -(1 - q)^gamma max(log q, -100) ),  q = m p + (1 - m)(1 - p)
// requires  p, m equal shapes, p in [0, 1], m in {0, 1}, gamma >= 0
// gradient  (2m - 1) (gamma (1-q)^(gamma-1) log q - (1-q)^gamma / q) g / count;
//           the second term is 0 where the logarithm is clamped
// precision sums in double
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/fill.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace pfad {

namespace cpu {

/// loss (1) from the probabilities p and the mask.
template <class T>
void focal_loss_forward(
    context&, in<T, 1> p, in<T, 1> mask, double gamma, out<accumulator_t<T>, 1> loss) {
    double sum = 0;
    for (std::int64_t i = 0; i < p.size(); ++i) {
        const double m = static_cast<double>(mask.data[i]), v = static_cast<double>(p.data[i]);
        const double q = m * v + (1 - m) * (1 - v);
        sum -= std::pow(1 - q, gamma) * std::max(std::log(q), -100.0);
    }
    loss.data[0] = static_cast<accumulator_t<T>>(sum / static_cast<double>(p.size()));
}

/// gp from the probabilities p, the mask, and gloss (1).
template <class T>
void focal_loss_backward(context&,
                         in<T, 1> p,
                         in<T, 1> mask,
                         double gamma,
                         in<accumulator_t<T>, 1> gloss,
                         out<T, 1> gp,
                         store how) {
    using A = accumulator_t<T>;
    const double g = static_cast<double>(gloss.data[0]) / static_cast<double>(gp.size());
    for (std::int64_t i = 0; i < gp.size(); ++i) {
        const double m = static_cast<double>(mask.data[i]), v = static_cast<double>(p.data[i]);
        const double q = m * v + (1 - m) * (1 - v), log_q = std::log(q);
        const double rise = gamma == 0 ? 0 : gamma * std::pow(1 - q, gamma - 1);
        const double fall = log_q >= -100 ? std::pow(1 - q, gamma) / q : 0;
        put(gp.data[i], static_cast<A>((2 * m - 1) * g * (rise * std::max(log_q, -100.0) - fall)),
            how);
    }
}

} // namespace cpu

/// The mean focal loss of probabilities against a mask: one value.
template <class C, class T, int R, class S>
variable<accumulator_t<T>, 1, S>
focal_loss(tape<C>& t, const variable<T, R, S>& p, const tensor<T, R, S>& mask, double gamma = 4) {
    expect(p.dims() == mask.dims(), "focal_loss", "shapes are equal", p.dims(), mask.dims());
    expect(gamma >= 0, "focal_loss", "gamma is not negative");
    auto loss = t.result(empty<accumulator_t<T>>(t.context, shape<1>{{1}}), t.wants(p));
    focal_loss_forward<T>(t.context, p.value.flat(), mask.flat(), gamma, loss.value.view());
    t.record(loss, [p, mask, gamma](C& ctx, in<accumulator_t<T>, 1> gy) {
        const auto g = p.slot->claim(ctx, p.dims());
        focal_loss_backward(ctx, p.value.flat(), mask.flat(), gamma, gy, g.to.flat(), g.how);
    });
    return loss;
}

} // namespace pfad
