// unit_distance_map: how far apart teacher and student point at every position.
//   y[n,i,j] = 1/2 |t/(|t| + e) - s/(|s| + e)|^2      e = 1e-12, norms over the channels
// t, s (n, h, w, c), y (n, h, w, 1) in [0, 2]: 1 - cos where neither vector is zero, 1/2 where one
// is, 0 where both are
// requires  equal extents, at least one channel
// gradient  none; that of its mean over a map is cosine_distance_loss's
// precision the difference of unit vectors: 1 - cos would lose 6e-8, which is much of what a trained
//           student leaves. y is computed and kept in T, of bf16 in float
// cost      2 reads, and a write a position
#pragma once

#include <pfad/ops/cosine_similarity_map.hpp>

#include <cmath>
#include <cstdint>

namespace pfad {

namespace cpu {

/// y (n, h, w, 1) from t and s (n, h, w, c).
template <class T>
void unit_distance_map_forward(context& ctx, in<T, 4> t, in<T, 4> s, out<accumulator_t<T>, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t c = t.extent(3);
    const A e = static_cast<A>(cosine_epsilon);
    parallel_for(ctx, y.size(), 4 * c, [&](std::int64_t begin, std::int64_t end) {
        const auto gap = empty<A>(ctx, shape<1>{{c}});
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const a = t.data + pixel * c;
            const T* const b = s.data + pixel * c;
            A* const __restrict to = gap.data();
            const A scale_a = A(1) / (std::sqrt(dot(a, a, c)) + e);
            const A scale_b = A(1) / (std::sqrt(dot(b, b, c)) + e);
            for (std::int64_t i = 0; i < c; ++i)
                to[i] = a[i] * scale_a - b[i] * scale_b;
            y.data[pixel] = dot(gap.data(), gap.data(), c) / 2;
        }
    });
}

} // namespace cpu

/// The map (n, h, w, 1) of two feature maps (n, h, w, c). Throws errc::shape where their extents differ
/// or there is no channel.
template <class C, class T, class S>
[[nodiscard]] tensor<accumulator_t<T>, 4, S>
unit_distance_map(C& ctx, const tensor<T, 4, S>& teacher, const tensor<T, 4, S>& student) {
    expect(teacher.dims() == student.dims() && student.extent(3) >= 1, "unit_distance_map",
           "teacher and student have equal extents and a channel", teacher.dims(), student.dims());
    shape<4> dims = student.dims();
    dims.extent[3] = 1;
    const auto y = empty<accumulator_t<T>>(ctx, dims);
    unit_distance_map_forward<T>(ctx, teacher, student, y.view());
    return y;
}

} // namespace pfad
