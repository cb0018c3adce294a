// focal_l1_loss: equations (10) to (12) of the paper from the logit, exact where the sigmoid
// saturates.
//   with s = z for an anomalous pixel, -z for a normal one, and u = sigmoid(-s) = 1 - q:
//   focal = mean( u^gamma min(softplus(-s), 100) ),  l1 = mean(u),  loss = focal + l1
// requires  z, m equal shapes; m in {0, 1}, taken as m >= 1/2; gamma >= 0
// gradient  -/+ (u^gamma (gamma (1-u) softplus(-s) + u) + u (1-u)) g / count
// precision double inside; sums over fixed chunks
// cost      2 reads forward, 2 reads 1 write backward
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/core/math.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/fill.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace pfad {

namespace cpu {

/// parts[0] = focal, parts[1] = l1.
template <class T>
void focal_l1_loss_forward(
    context& ctx, in<T, 1> z, in<T, 1> mask, double gamma, out<accumulator_t<T>, 1> parts) {
    using A = accumulator_t<T>;
    const auto split = fixed_chunks::of(z.size(), 1024);
    const auto partial = empty<double>(ctx, shape<2>{{split.size(), 2}});
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        double focal = 0, l1 = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const double v = static_cast<double>(z.data[i]);
            const double s = mask.data[i] >= A(0.5) ? v : -v;
            const double u = math::sigmoid(-s);
            focal += std::pow(u, gamma) * std::min(math::softplus(-s), 100.0);
            l1 += u;
        }
        partial.data()[2 * chunk] = focal;
        partial.data()[2 * chunk + 1] = l1;
    });
    for (int part = 0; part < 2; ++part) {
        double sum = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk)
            sum += partial.data()[2 * chunk + part];
        parts.data[part] = static_cast<A>(sum / static_cast<double>(z.size()));
    }
}

/// gz from the logits z, the mask, and gloss (1).
template <class T>
void focal_l1_loss_backward(context& ctx,
                            in<T, 1> z,
                            in<T, 1> mask,
                            double gamma,
                            in<accumulator_t<T>, 1> gloss,
                            out<T, 1> gz,
                            store how) {
    using A = accumulator_t<T>;
    const double g = static_cast<double>(gloss.data[0]) / static_cast<double>(gz.size());
    parallel_for(ctx, gz.size(), 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const double v = static_cast<double>(z.data[i]);
            const bool anomalous = mask.data[i] >= A(0.5);
            const double s = anomalous ? v : -v, u = math::sigmoid(-s), l = math::softplus(-s);
            // Past the clamp the logarithm is a constant.
            const double focal =
                std::pow(u, gamma) * (gamma * (1 - u) * std::min(l, 100.0) + (l < 100 ? u : 0));
            const double slope = -(focal + u * (1 - u)) * g;
            put(gz.data[i], static_cast<A>(anomalous ? slope : -slope), how);
        }
    });
}

} // namespace cpu

/// What stage two minimises, and its two parts for the log.
template <class T, class S = host>
struct focal_l1_result {
    variable<accumulator_t<T>, 1, S> total; ///< focal + l1, one value
    tensor<accumulator_t<T>, 1, S> parts;   ///< focal, l1
};

/// Focal plus L1 loss of logits against a mask of zeros and ones.
template <class C, class T, int R, class S>
focal_l1_result<T, S> focal_l1_loss(tape<C>& t,
                                    const variable<T, R, S>& logit,
                                    const tensor<T, R, S>& mask,
                                    double gamma = 4) {
    expect(logit.dims() == mask.dims(), "focal_l1_loss", "shapes are equal", logit.dims(),
           mask.dims());
    expect(gamma >= 0, "focal_l1_loss", "gamma is not negative");
    auto parts = empty<accumulator_t<T>>(t.context, shape<1>{{2}});
    auto total = t.result(empty<accumulator_t<T>>(t.context, shape<1>{{1}}), t.wants(logit));
    focal_l1_loss_forward<T>(t.context, logit.value.flat(), mask.flat(), gamma, parts.view());
    add_forward(t.context, parts.slice(0, shape<1>{{1}}), parts.slice(1, shape<1>{{1}}),
                total.value.view());
    t.record(total, [logit, mask, gamma](C& ctx, in<accumulator_t<T>, 1> gy) {
        const auto g = logit.slot->claim(ctx, logit.dims());
        focal_l1_loss_backward(ctx, logit.value.flat(), mask.flat(), gamma, gy, g.to.flat(), g.how);
    });
    return {total, parts};
}

} // namespace pfad
