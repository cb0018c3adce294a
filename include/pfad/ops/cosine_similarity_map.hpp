// The similarity of teacher and student features, all levels in one image (equation 2 of the
// PFADSeg paper).
//   p_k = t_k / (|t_k| + 1e-12) * s_k / (|s_k| + 1e-12)      per channel; norms over the channels
//   y   = concatenation over the levels k of p_k, resized bilinearly to the size of level 1
// t_k, s_k (n, h_k, w_k, c_k), y (n, h_1, w_1, sum of c_k)
// requires  equal extents of t_k and s_k; equal n; at least one level
// gradient  with gp the transposed resize of gy's slice and u = gp * t/(|t|+e):
//           gs = u / (|s|+e) - s (u . s) / (|s| (|s|+e)^2); zero where s is zero; t alike
// saves     nothing but the inputs
// precision norms in 16 interleaved sums of T, of bf16 in float
// cost      2 reads 1 write, and p_k once more where it is resized
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/resize_bilinear.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace pfad {

/// Added to every norm.
inline constexpr double cosine_epsilon = 1e-12;

namespace cpu {

/// sum of a[i] b[i]; sixteen interleaved sums, so that it vectorises in a fixed order.
template <class T, class U>
accumulator_t<T> dot(const T* a, const U* b, std::int64_t count) {
    accumulator_t<T> lane[16] = {};
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int k = 0; k < 16; ++k)
            lane[k] += a[i + k] * b[i + k];
    for (; i < count; ++i)
        lane[i % 16] += a[i] * b[i];
    for (int width = 8; width > 0; width /= 2)
        for (int k = 0; k < width; ++k)
            lane[k] += lane[k + width];
    return lane[0];
}

/// The product of the normalised features, into a slice of the channels of a wider image.
template <class T, class Y>
void normalised_product(context& ctx, in<T, 4> t, in<T, 4> s, channel_slice<Y> y) {
    using A = accumulator_t<T>;
    const std::int64_t c = t.extent(3);
    const A e = static_cast<A>(cosine_epsilon);
    parallel_for(ctx, t.size() / c, 2 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const a = t.data + pixel * c;
            const T* const b = s.data + pixel * c;
            Y* const __restrict to = y.data + pixel * y.stride;
            // One factor for each, as the product of both may overflow.
            const A scale_a = A(1) / (std::sqrt(dot(a, a, c)) + e);
            const A scale_b = A(1) / (std::sqrt(dot(b, b, c)) + e);
            for (std::int64_t i = 0; i < c; ++i)
                to[i] = static_cast<Y>((a[i] * scale_a) * (b[i] * scale_b));
        }
    });
}

/// One level: channels [offset, offset + c) of y.
template <class T>
void cosine_similarity_map_forward(
    context& ctx, in<T, 4> t, in<T, 4> s, out<T, 4> y, std::int64_t offset) {
    const channel_slice<T> slice = {y.data + offset, y.extent(3)};
    if (t.extent(1) == y.extent(1) && t.extent(2) == y.extent(2)) {
        normalised_product<T>(ctx, t, s, slice);
        return;
    }
    using A = accumulator_t<T>;
    const auto product = empty<A>(ctx, t.dims);
    normalised_product<T>(ctx, t, s, channel_slice<A>{product.data(), t.extent(3)});
    resize_into<A>(ctx, product, slice, y.extent(1), y.extent(2));
}

/// The gradient of normalised_product with respect to s, from a slice of the channels of a wider
/// image; the roles of t and s are symmetric.
template <class T, class G>
void normalised_product_backward(
    context& ctx, in<T, 4> t, in<T, 4> s, channel_slice<const G> gp, out<T, 4> gs, store how) {
    using A = accumulator_t<T>;
    const std::int64_t c = s.extent(3);
    const A e = static_cast<A>(cosine_epsilon);
    parallel_for(ctx, s.size() / c, 3 * c, [&](std::int64_t begin, std::int64_t end) {
        const auto u = empty<A>(ctx, shape<1>{{c}});
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const a = t.data + pixel * c;
            const T* const b = s.data + pixel * c;
            const G* const g = gp.data + pixel * gp.stride;
            T* const __restrict to = gs.data + pixel * c;
            A* const __restrict product = u.data();
            const A norm = std::sqrt(dot(b, b, c));
            const A scale_a = A(1) / (std::sqrt(dot(a, a, c)) + e);
            const A scale_b = norm > A(0) ? A(1) / (norm + e) : A(0);
            for (std::int64_t i = 0; i < c; ++i)
                product[i] = g[i] * (a[i] * scale_a);
            // (u . s) / (|s| (|s|+e)^2) by small steps: the square of a tiny norm is zero in float.
            const A along = norm > A(0) ? dot(u.data(), b, c) * scale_b / norm * scale_b : A(0);
            for (std::int64_t i = 0; i < c; ++i)
                put(to[i], product[i] * scale_b - b[i] * along, how);
        }
    });
}

/// The gradient of one level with respect to s.
template <class T>
void cosine_similarity_map_backward(context& ctx,
                                    in<T, 4> t,
                                    in<T, 4> s,
                                    in<T, 4> gy,
                                    out<T, 4> gs,
                                    store how,
                                    std::int64_t offset) {
    const channel_slice<const T> slice = {gy.data + offset, gy.extent(3)};
    if (s.extent(1) == gy.extent(1) && s.extent(2) == gy.extent(2)) {
        normalised_product_backward(ctx, t, s, slice, gs, how);
        return;
    }
    using A = accumulator_t<T>;
    const auto resized = empty<A>(ctx, s.dims);
    resize_transposed(ctx, slice, gy.extent(1), gy.extent(2), resized.view(), store::set);
    normalised_product_backward(ctx, t, s, channel_slice<const A>{resized.data(), s.extent(3)}, gs,
                                how);
}

} // namespace cpu

/// The similarity of the levels of teacher and student, two equally long containers of images, the
/// finest first: (n, h_1, w_1, sum of c_k). errc::shape where the levels do not fit.
template <class C, class Teacher, class Student>
auto cosine_similarity_map(tape<C>& t, const Teacher& teacher, const Student& student) {
    using image_type = std::remove_cvref_t<decltype(student[0])>;
    using T = typename decltype(image_type::value)::element;
    expect(student.size() > 0 && teacher.size() == student.size(), "cosine_similarity_map",
           "teacher and student have equally many levels");
    shape<4> dims = student[0].dims();
    dims.extent[3] = 0;
    bool wanted = false;
    for (std::size_t k = 0; k < student.size(); ++k) {
        expect(teacher[k].dims() == student[k].dims() && student[k].extent(0) == dims[0] &&
                   student[k].dims().size() > 0,
               "cosine_similarity_map", "teacher and student have equal extents at every level",
               teacher[k].dims(), student[k].dims());
        dims.extent[3] += student[k].extent(3);
        wanted = wanted || t.wants(teacher[k], student[k]);
    }
    auto y = t.result(empty<T>(t.context, dims), wanted);
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < student.size(); ++k) {
        cosine_similarity_map_forward(t.context, teacher[k].value, student[k].value, y.value.view(),
                                      offset);
        offset += student[k].extent(3);
    }
    t.record(y, [teacher, student](C& ctx, in<T, 4> gy) {
        const auto pull = [&](const image_type& with, const image_type& to, std::int64_t at) {
            if (!to.slot)
                return;
            const auto g = to.slot->claim(ctx, to.dims());
            cosine_similarity_map_backward(ctx, with.value, to.value, gy, g.to, g.how, at);
        };
        std::int64_t at = 0;
        for (std::size_t k = 0; k < student.size(); ++k) {
            pull(teacher[k], student[k], at);
            pull(student[k], teacher[k], at);
            at += student[k].extent(3);
        }
    });
    return y;
}

} // namespace pfad
