// cosine_distance_loss: equations (3) and (4) of the paper for one pair of feature maps.
//   loss = sum_n 1/(h w) sum_{i,j} (1 - cos(t, s))
//   cos  = t.s / ((|t| + eps) (|s| + eps)), eps = 1e-12
// Mean over the map, sum over the batch: what the paper's learning rate is meant for.
// requires  t, s (n,h,w,c), equal shapes
// gradient  gs = -g/(h w) (t^ - cos' s^)/(|s| + eps), and the same for t; 0 at a zero vector
// precision sums over c in 16 lanes of T (of bf16 in float); over pixels in double, fixed chunks
// cost      each map read once forward, once backward
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/fill.hpp>

#include <cmath>
#include <cstdint>

namespace pfad {

namespace cpu {

/// Inner products of two vectors of c elements.
template <class T>
struct inner_products {
    /// What the products are added up in.
    using A = accumulator_t<T>;
    /// T.t, s.s and t.s.
    A tt, ss, ts;

    /// Of vectors t and s.
    static inner_products of(const T* t, const T* s, std::int64_t c) {
        constexpr int lanes = 16;
        A tt[lanes] = {}, ss[lanes] = {}, ts[lanes] = {};
        std::int64_t i = 0;
        for (; i + lanes <= c; i += lanes)
            for (int l = 0; l < lanes; ++l) {
                tt[l] += t[i + l] * t[i + l];
                ss[l] += s[i + l] * s[i + l];
                ts[l] += t[i + l] * s[i + l];
            }
        for (int l = 0; i < c; ++i, ++l) {
            tt[l] += t[i] * t[i];
            ss[l] += s[i] * s[i];
            ts[l] += t[i] * s[i];
        }
        inner_products sum{0, 0, 0};
        for (int l = 0; l < lanes; ++l) {
            sum.tt += tt[l];
            sum.ss += ss[l];
            sum.ts += ts[l];
        }
        return sum;
    }
};

/// loss (1) from t and s (n, h, w, c).
template <class T>
void cosine_distance_loss_forward(context& ctx,
                                  in<T, 4> t,
                                  in<T, 4> s,
                                  out<accumulator_t<T>, 1> loss) {
    using A = accumulator_t<T>;
    const std::int64_t c = t.extent(3), pixels = t.size() / c;
    const auto split = fixed_chunks::of(pixels, 64);
    const auto partial = empty<double>(ctx, shape<1>{{split.size()}});
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        double sum = 0;
        for (std::int64_t p = begin; p < end; ++p) {
            const auto d = inner_products<T>::of(t.data + p * c, s.data + p * c, c);
            const A norms = (std::sqrt(d.tt) + A(1e-12)) * (std::sqrt(d.ss) + A(1e-12));
            sum += 1 - static_cast<double>(d.ts / norms);
        }
        partial.data()[chunk] = sum;
    });
    double sum = 0;
    for (int chunk = 0; chunk < split.size(); ++chunk)
        sum += partial.data()[chunk];
    loss.data[0] = static_cast<A>(sum / static_cast<double>(t.extent(1) * t.extent(2)));
}

/// The gradient with respect to s; the loss is symmetric, so swap the maps for the other one.
template <class T>
void cosine_distance_loss_backward(
    context& ctx, in<T, 4> t, in<T, 4> s, in<accumulator_t<T>, 1> gloss, out<T, 4> gs, store how) {
    using A = accumulator_t<T>;
    const std::int64_t c = s.extent(3);
    const A factor = -gloss.data[0] / static_cast<A>(s.extent(1) * s.extent(2));
    parallel_for(ctx, s.size() / c, 3 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p) {
            const T* const tp = t.data + p * c;
            const T* const sp = s.data + p * c;
            const auto d = inner_products<T>::of(tp, sp, c);
            const A norm = std::sqrt(d.ss), t_norm = std::sqrt(d.tt) + A(1e-12);
            const A a = norm > A(0) ? factor / (t_norm * (norm + A(1e-12))) : A(0);
            const A b = norm > A(0) ? a * d.ts / (norm * (norm + A(1e-12))) : A(0);
            for (std::int64_t i = 0; i < c; ++i)
                put(gs.data[p * c + i], a * tp[i] - b * sp[i], how);
        }
    });
}

} // namespace cpu

/// The summed cosine distance between two feature maps: one value.
template <class C, class T, class S>
variable<accumulator_t<T>, 1, S>
cosine_distance_loss(tape<C>& t, const maps<T, S>& teacher, const maps<T, S>& student) {
    expect(teacher.dims() == student.dims(), "cosine_distance_loss", "shapes are equal",
           teacher.dims(), student.dims());
    auto loss =
        t.result(empty<accumulator_t<T>>(t.context, shape<1>{{1}}), t.wants(teacher, student));
    cosine_distance_loss_forward<T>(t.context, teacher.value, student.value, loss.value.view());
    t.record(loss, [teacher, student](C& ctx, in<accumulator_t<T>, 1> gy) {
        if (student.slot) {
            const auto g = student.slot->claim(ctx, student.dims());
            cosine_distance_loss_backward(ctx, teacher.value, student.value, gy, g.to, g.how);
        }
        if (teacher.slot) {
            const auto g = teacher.slot->claim(ctx, teacher.dims());
            cosine_distance_loss_backward(ctx, student.value, teacher.value, gy, g.to, g.how);
        }
    });
    return loss;
}

} // namespace pfad
