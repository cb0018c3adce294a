// weigh_by_distance: an anomaly map where student and teacher differ, and little where they agree.
//   y[n,i,j] = m[n,i,j] min(max(1 - 1/levels sum over c of x[n,i,j,c], 0), 1)
// x (n, h, w, c): cosine_similarity_map of that many levels, whose channels add up to their cosines;
// m, y (n, h, w, 1): y is in [0, 1] where m is
// requires  equal n, h, w; a level or more
// gradient  none: it is what is done to a map last
// precision sums in accumulator_t<T>
// cost      1 read of x
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/macros.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <cstdint>

namespace pfad {

/// What is left of a value of the map.
struct weigh_by_distance_rule {
    /// `cosines` is the sum over the levels.
    template <class A>
    PFAD_HD static A value(A map, A cosines, A levels) {
        const A distance = A(1) - cosines / levels;
        return map * (distance < A(0) ? A(0) : distance > A(1) ? A(1) : distance);
    }
};

namespace cpu {

/// y (n, h, w, 1) of x (n, h, w, c) and the map m (n, h, w, 1).
template <class T>
void weigh_by_distance_forward(context& ctx, in<T, 4> x, in<T, 4> m, int levels, out<T, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t c = x.extent(3);
    parallel_for(ctx, y.size(), c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const from = x.data + pixel * c;
            // Eight sums: g++ keeps the order of one, and so one element at a time.
            A sums[8] = {};
            std::int64_t i = 0;
            for (; i + 8 <= c; i += 8)
                for (int k = 0; k < 8; ++k)
                    sums[k] += from[i + k];
            for (; i < c; ++i)
                sums[0] += from[i];
            const A sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
                          ((sums[4] + sums[5]) + (sums[6] + sums[7]));
            y.data[pixel] = static_cast<T>(weigh_by_distance_rule::value(
                static_cast<A>(m.data[pixel]), sum, static_cast<A>(levels)));
        }
    });
}

} // namespace cpu

/// The map m times the mean distance of the levels. Throws errc::shape where extents do not fit,
/// errc::value without a level.
template <any_context C, class T, class S>
[[nodiscard]] tensor<T, 4, S>
weigh_by_distance(C& ctx, const tensor<T, 4, S>& x, const tensor<T, 4, S>& m, int levels) {
    const auto& dims = x.dims();
    expect(m.dims() == shape{dims[0], dims[1], dims[2], std::int64_t(1)}, "weigh_by_distance",
           "the map has the similarity's positions and one channel", dims, m.dims());
    expect(levels >= 1, "weigh_by_distance", "there is a level");
    auto y = empty<T>(ctx, m.dims());
    weigh_by_distance_forward(ctx, x.view(), m.view(), levels, y.view());
    return y;
}

} // namespace pfad
