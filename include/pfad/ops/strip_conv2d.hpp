// A depthwise 1 x K convolution of what strips of an image say: row means plus column means, added
// crosswise (rectangular self-calibration). That sum is never made.
//   r[n,i,c] = sum_q x[n,i,q,c] / w,  q[n,j,c] = sum_p x[n,p,j,c] / h,  m[n,i,j,c] = r + q
//   y[n,i,j,c] = b[c] + sum_k v[k,c] m[n, i, j + k - K/2, c]           over the taps inside the row
//              = r[n,i,c] s[j,c] + b[c] + sum_k v[k,c] q[n, j + k - K/2, c],  s[j,c] = sum_k v[k,c]
// x (n, h, w, c), v (1, 1, K, c), b (c), y as x
// requires  h, w >= 1; odd K; equal c
// gradient  gx[n,i,j,c] = sum_j gy s / w + (what the mirrored taps make of sum_i gy) / h
// saves     r (n, h, c), q (n, w, c), s (w, c)
// precision sums along and across the image in double, over taps in T, of bf16 in float
// cost      1 read 1 write each way, K multiply-adds a column and not a pixel
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {
namespace cpu {

/// Means of x: along (n, h, c) over columns, across (1, n, w, c) over rows. With weights of rows (n,
/// h, c) and columns (w, c), means of columns[j,c] x, and sums (2, n, w, c) of x and of rows[n,i,c] x.
template <class T>
void strip_sums(context& ctx,
                in<T, 4> x,
                const accumulator_t<T>* rows,
                const accumulator_t<T>* columns,
                out<accumulator_t<T>, 3> along,
                out<accumulator_t<T>, 4> across) {
    using A = accumulator_t<T>;
    const std::int64_t n = x.extent(0), h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const std::int64_t line = w * c, kinds = across.extent(0);
    const auto split =
        fixed_chunks::of(h, std::max({std::int64_t(8), rows_worth(line), n * h / 64}));
    const int chunks = split.size();
    const auto sums = full(ctx, shape<3>{{n * chunks, kinds, line}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * chunks, [&](int part) {
        const auto sum = empty<double>(ctx, shape<1>{{c}});
        double* const down = sums.data() + part * kinds * line;
        const std::int64_t begin = part % chunks * split.chunk;
        const std::int64_t end = std::min(h, begin + split.chunk);
        // Four rows, first along and then across, while they are in the cache.
        for (std::int64_t i = begin; i < end; i += 4) {
            const std::int64_t count = std::min<std::int64_t>(4, end - i);
            const std::int64_t row = part / chunks * h + i;
            const T* const from = x.data + row * line;
            for (std::int64_t k = 0; k < count; ++k) {
                std::fill_n(sum.data(), c, 0.0);
                if (columns)
                    add_products(sum.data(), from + k * line, c, columns, c, c, w);
                else
                    sum_rows(sum.data(), from + k * line, w, c, c);
                for (std::int64_t ci = 0; ci < c; ++ci)
                    along.data[(row + k) * c + ci] =
                        static_cast<A>(sum.data()[ci] / static_cast<double>(w));
            }
            sum_rows(down, from, count, line, line);
            for (std::int64_t j = 0; rows && j < w; ++j)
                add_products(down + line + j * c, from + j * c, line, rows + row * c, c, c, count);
        }
    });
    run_parts(ctx, static_cast<int>(n * kinds), [&](int part) {
        const std::int64_t sample = part / kinds, kind = part % kinds;
        double* const sum = sums.data() + (sample * chunks * kinds + kind) * line;
        sum_rows(sum, sum + kinds * line, chunks - 1, kinds * line, line);
        for (std::int64_t i = 0; i < line; ++i)
            across.data[(kind * n + sample) * line + i] =
                static_cast<A>(rows ? sum[i] : sum[i] / static_cast<double>(h));
    });
}

/// Adds to y (n, w, c) the taps' filter over x; `step` is from tap to tap, negative if mirrored.
template <class T>
void strip_filter(context& ctx,
                  in<accumulator_t<T>, 3> x,
                  const T* taps,
                  std::int64_t step,
                  std::int64_t count,
                  out<accumulator_t<T>, 3> y) {
    const std::int64_t w = x.extent(1), c = x.extent(2);
    parallel_for(ctx, x.extent(0) * w, c * count, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const auto inside = tap_range::of(row % w - count / 2, 1, count, w);
            add_products(y.data + row * c, x.data + (row + inside.first - count / 2) * c, c,
                         taps + inside.first * step, step, c, inside.last - inside.first);
        }
    });
}

/// y from values of every row and every column of a sample: along * slope + across.
template <class T>
void strip_spread(context& ctx,
                  in<accumulator_t<T>, 3> along,
                  const accumulator_t<T>* slope,
                  in<accumulator_t<T>, 3> across,
                  out<T, 4> y,
                  store how) {
    using A = accumulator_t<T>;
    const std::int64_t h = y.extent(1), w = y.extent(2), c = y.extent(3);
    parallel_for(ctx, y.extent(0) * h, w * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t j = 0; j < w; ++j) {
                const A* const a = along.data + row * c;
                const A* const b = across.data + (row / h * w + j) * c;
                const A* const s = slope ? slope + j * c : nullptr;
                T* const __restrict to = y.data + (row * w + j) * c;
                for (std::int64_t i = 0; i < c; ++i)
                    put(to[i], s ? a[i] * s[i] + b[i] : a[i] + b[i], how);
            }
    });
}

/// Row means r (n, h, c) and column means q (n, w, c) of x.
template <class T>
void strip_means_forward(context& ctx,
                         in<T, 4> x,
                         out<accumulator_t<T>, 3> r,
                         out<accumulator_t<T>, 3> q) {
    strip_sums<T>(ctx, x, nullptr, nullptr, r,
                  {q.data, {{1, q.extent(0), q.extent(1), q.extent(2)}}});
}

/// y from the means and s (w, c), which is written, too. `b` may be empty.
template <class T>
void strip_conv2d_forward(context& ctx,
                          in<accumulator_t<T>, 3> r,
                          in<accumulator_t<T>, 3> q,
                          in<T, 4> v,
                          in<accumulator_t<T>, 1> b,
                          out<accumulator_t<T>, 2> s,
                          out<T, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t w = y.extent(2), c = y.extent(3), taps = v.extent(2);
    const auto across = full(ctx, q.dims, A(0)), ones = full(ctx, shape<3>{{1, w, c}}, A(1));
    for (std::int64_t row = 0; b.data && row < q.extent(0) * w; ++row)
        std::copy_n(b.data, c, across.data() + row * c);
    std::fill_n(s.data, s.size(), A(0));
    strip_filter<T>(ctx, ones, v.data, c, taps, {s.data, ones.dims()});
    strip_filter<T>(ctx, q, v.data, c, taps, across.view());
    strip_spread<T>(ctx, r, s.data, across, y, store::set);
}

/// What gy says of a pixel's row, along (n, h, c) = sum_j gy s / w, and the sums over rows that the
/// other gradients need, across (2, n, w, c): of gy and of r gy.
template <class T>
void strip_conv2d_backward_sums(context& ctx,
                                in<T, 4> gy,
                                in<accumulator_t<T>, 3> r,
                                in<accumulator_t<T>, 2> s,
                                out<accumulator_t<T>, 3> along,
                                out<accumulator_t<T>, 4> across) {
    strip_sums<T>(ctx, gy, r.data, s.data, along, across);
}

/// gx (n, h, w, c) from the sums of strip_conv2d_backward_sums and v (1, 1, K, c).
template <class T>
void strip_conv2d_backward_input(context& ctx,
                                 in<accumulator_t<T>, 3> along,
                                 in<accumulator_t<T>, 4> across,
                                 in<T, 4> v,
                                 out<T, 4> gx,
                                 store how) {
    using A = accumulator_t<T>;
    const std::int64_t c = gx.extent(3), taps = v.extent(2);
    const shape<3> columns = {{gx.extent(0), gx.extent(2), c}};
    const auto gq = full(ctx, columns, A(0));
    strip_filter<T>(ctx, {across.data, columns}, v.data + (taps - 1) * c, -c, taps, gq.view());
    for (std::int64_t i = 0; i < gq.size(); ++i)
        gq.data()[i] /= static_cast<A>(gx.extent(1));
    strip_spread<T>(ctx, along, nullptr, gq, gx, how);
}

/// gv[k,c]: over the columns j whose tap k is inside, sum_i r gy + sum_i gy q[n, j + k - K/2, c].
template <class T>
void strip_conv2d_backward_weight(context& ctx,
                                  in<accumulator_t<T>, 4> across,
                                  in<accumulator_t<T>, 3> q,
                                  out<accumulator_t<T>, 4> gv,
                                  store how) {
    const std::int64_t n = q.extent(0), w = q.extent(1), c = q.extent(2), taps = gv.extent(2);
    const auto sums = full(ctx, shape<2>{{taps, c}}, 0.0);
    run_parts(ctx, static_cast<int>(taps), [&](int tap) {
        const std::int64_t shift = tap - taps / 2, first = std::max<std::int64_t>(0, -shift);
        const std::int64_t count = std::max<std::int64_t>(0, std::min(w, w - shift) - first);
        double* const sum = sums.data() + tap * c;
        for (std::int64_t row = first; row < n * w; row += w) {
            add_products(sum, across.data + row * c, c, q.data + (row + shift) * c, c, c, count);
            sum_rows(sum, across.data + (n * w + row) * c, count, c, c);
        }
        for (std::int64_t i = 0; i < c; ++i)
            put(gv.data[tap * c + i], static_cast<accumulator_t<T>>(sum[i]), how);
    });
}

/// gb (c) from the sums across of strip_conv2d_backward_sums.
template <class T>
void strip_conv2d_backward_bias(context& ctx,
                                in<accumulator_t<T>, 4> across,
                                out<accumulator_t<T>, 1> gb,
                                store how) {
    const std::int64_t c = gb.size(), rows = across.extent(1) * across.extent(2);
    const auto sums = sum_middle<accumulator_t<T>>(ctx, {across.data, {{1, rows, c}}});
    for (std::int64_t i = 0; i < c; ++i)
        put(gb.data[i], static_cast<accumulator_t<T>>(sums.data()[i]), how);
}

} // namespace cpu

/// Row means plus column means of x (n, h, w, c), each channel filtered along the rows by its taps
/// in v (1, 1, K, c), plus the bias, where there is one. errc::shape where extents do not fit.
template <class C, class T, class S>
maps<T, S> strip_conv2d(tape<C>& t,
                        const maps<T, S>& x,
                        const parameter<T, 4, S>& v,
                        const optional_bias<T, S>& b) {
    using A = accumulator_t<T>;
    const auto [n, h, w, c] = x.dims().extent;
    const std::int64_t taps = v.dims()[2];
    expect(v.dims() == shape<4>{{1, 1, taps, c}} && taps % 2 == 1, "strip_conv2d",
           "the weight is (1, 1, odd, c) with the channels of the input", x.dims(), v.dims());
    expect(!b || b->dims()[0] == c, "strip_conv2d", "one bias a channel", x.dims(), v.dims());
    expect(h >= 1 && w >= 1, "strip_conv2d", "the image has pixels", x.dims());
    const auto r = empty<A>(t.context, shape<3>{{n, h, c}});
    const auto q = empty<A>(t.context, shape<3>{{n, w, c}});
    const auto s = empty<A>(t.context, shape<2>{{w, c}});
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x, v));
    strip_means_forward<T>(t.context, x.value, r.view(), q.view());
    strip_conv2d_forward(t.context, r, q, v.value, b ? b->value.view() : view<A, 1>{}, s.view(),
                         y.value.view());
    t.record(y, [from = x.slot, dims = x.dims(), v, b, r, q, s](C& ctx, in<T, 4> gy) {
        const auto along = empty<A>(ctx, r.dims());
        const auto across = empty<A>(ctx, shape<4>{{2, dims[0], dims[2], dims[3]}});
        strip_conv2d_backward_sums<T>(ctx, gy, r, s, along.view(), across.view());
        if (b) {
            const auto gb = b->slot->claim(ctx, b->dims());
            strip_conv2d_backward_bias<T>(ctx, across, gb.to, gb.how);
        }
        const auto gv = v.slot->claim(ctx, v.dims());
        strip_conv2d_backward_weight<T>(ctx, across, q, gv.to, gv.how);
        if (from) {
            const auto gx = from->claim(ctx, dims);
            strip_conv2d_backward_input<T>(ctx, along, across, v.value, gx.to, gx.how);
        }
    });
    return y;
}

} // namespace pfad
