// The similarity of teacher and student features, all levels in one image (equation 2 of the
// PFADSeg paper).
//   p_k = t_k / (|t_k| + 1e-12) * s_k / (|s_k| + 1e-12)      per channel; norms over the channels
//   y   = concatenation over the levels k of p_k, resized bilinearly to the size of level 1
// t_k, s_k (n, h_k, w_k, c_k), y (n, h_1, w_1, sum of c_k)
// requires  equal extents of t_k and s_k; equal n; at least one level
// gradient  with gp the transposed resize of gy's slice and u = gp * t/(|t|+e):
//           gs = u / (|s|+e) - s (u . s) / (|s| (|s|+e)^2); zero where s is zero; t alike
// saves     nothing but the inputs
// precision norms in 16 interleaved sums of T
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
template <class T>
T dot(T const* a, T const* b, std::int64_t count) {
    T lane[16] = {};
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
template <class T>
void normalised_product(context& ctx, in<T, 4> t, in<T, 4> s, channel_slice<T> y) {
    std::int64_t const c = t.extent(3);
    T const e = static_cast<T>(cosine_epsilon);
    parallel_for(ctx, t.size() / c, 2 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            T const* const a = t.data + pixel * c;
            T const* const b = s.data + pixel * c;
            T* const __restrict to = y.data + pixel * y.stride;
            // One factor for each, as the product of both may overflow.
            T const scale_a = T(1) / (std::sqrt(dot(a, a, c)) + e);
            T const scale_b = T(1) / (std::sqrt(dot(b, b, c)) + e);
            for (std::int64_t i = 0; i < c; ++i)
                to[i] = (a[i] * scale_a) * (b[i] * scale_b);
        }
    });
}

/// One level: channels [offset, offset + c) of y.
template <class T>
void cosine_similarity_map_forward(
    context& ctx, in<T, 4> t, in<T, 4> s, out<T, 4> y, std::int64_t offset) {
    const channel_slice<T> slice = {y.data + offset, y.extent(3)};
    if (t.extent(1) == y.extent(1) && t.extent(2) == y.extent(2)) {
        normalised_product(ctx, t, s, slice);
        return;
    }
    const auto product = empty<T>(ctx, t.dims);
    normalised_product(ctx, t, s, channel_slice<T>{product.data(), t.extent(3)});
    resize_into(ctx, product, slice, y.extent(1), y.extent(2));
}

/// The gradient of one level with respect to s; the roles of t and s are symmetric.
template <class T>
void cosine_similarity_map_backward(context& ctx,
                                    in<T, 4> t,
                                    in<T, 4> s,
                                    in<T, 4> gy,
                                    out<T, 4> gs,
                                    store how,
                                    std::int64_t offset) {
    std::int64_t const c = s.extent(3);
    channel_slice<const T> gp = {gy.data + offset, gy.extent(3)};
    tensor<T, 4> resized;
    if (s.extent(1) != gy.extent(1) || s.extent(2) != gy.extent(2)) {
        resized = empty<T>(ctx, s.dims);
        resize_transposed(ctx, gp, gy.extent(1), gy.extent(2), resized.view(), store::set);
        gp = {resized.data(), c};
    }
    T const e = static_cast<T>(cosine_epsilon);
    parallel_for(ctx, s.size() / c, 3 * c, [&](std::int64_t begin, std::int64_t end) {
        const auto u = empty<T>(ctx, shape<1>{{c}});
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            T const* const a = t.data + pixel * c;
            T const* const b = s.data + pixel * c;
            T const* const g = gp.data + pixel * gp.stride;
            T* const __restrict to = gs.data + pixel * c;
            T* const __restrict product = u.data();
            T const norm = std::sqrt(dot(b, b, c));
            T const scale_a = T(1) / (std::sqrt(dot(a, a, c)) + e);
            T const scale_b = norm > T(0) ? T(1) / (norm + e) : T(0);
            for (std::int64_t i = 0; i < c; ++i)
                product[i] = g[i] * (a[i] * scale_a);
            // (u . s) / (|s| (|s|+e)^2) by small steps: the square of a tiny norm is zero in float.
            T const along = norm > T(0) ? dot(u.data(), b, c) * scale_b / norm * scale_b : T(0);
            for (std::int64_t i = 0; i < c; ++i)
                put(to[i], product[i] * scale_b - b[i] * along, how);
        }
    });
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
    if (y.slot)
        t.record([teacher, student, y](C& ctx) {
            if (!y.slot->written())
                return;
            const auto pull = [&](const image_type& with, const image_type& to, std::int64_t at) {
                if (!to.slot)
                    return;
                auto const g = to.slot->claim(ctx, to.dims());
                cosine_similarity_map_backward(ctx, with.value, to.value, y.gradient(), g.to, g.how,
                                               at);
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
