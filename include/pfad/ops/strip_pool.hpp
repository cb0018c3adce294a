// Means along rows and columns, added crosswise (rectangular self-calibration).
//   y[n,i,j,c] = sum_q x[n,i,q,c] / w + sum_p x[n,p,j,c] / h
// requires  h, w >= 1
// gradient  the operator is its own transpose: gx from gy as y from x
// saves     nothing
// precision sums in double
// cost      1 read 1 write each way
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/sums.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad {
namespace cpu {

/// Row means (n h, c) and column means (n, w c) of x.
template <class T>
void strip_means(context& ctx,
                 in<T, 4> x,
                 out<accumulator_t<T>, 2> rows,
                 out<accumulator_t<T>, 2> columns) {
    using A = accumulator_t<T>;
    const std::int64_t n = x.extent(0), h = x.extent(1), w = x.extent(2), c = x.extent(3);
    const auto split = fixed_chunks::of(h, std::max<std::int64_t>(8, rows_worth(w * c)));
    const int chunks = split.size();
    const auto sums = full(ctx, shape<2>{{n * chunks, w * c}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * chunks, [&](int part) {
        const auto sum = empty<double>(ctx, shape<1>{{c}});
        std::int64_t const begin = part % chunks * split.chunk;
        std::int64_t const end = std::min(h, begin + split.chunk);
        // Four rows, first along and then across, while they are in the cache.
        for (std::int64_t i = begin; i < end; i += 4) {
            std::int64_t const count = std::min<std::int64_t>(4, end - i);
            std::int64_t const row = part / chunks * h + i;
            for (std::int64_t k = row; k < row + count; ++k) {
                std::fill_n(sum.data(), c, 0.0);
                add_rows(sum.data(), x.data + k * w * c, w, c, c);
                for (std::int64_t ci = 0; ci < c; ++ci)
                    rows.data[k * c + ci] = static_cast<A>(sum.data()[ci] / static_cast<double>(w));
            }
            add_rows(sums.data() + part * w * c, x.data + row * w * c, count, w * c, w * c);
        }
    });
    parallel_for(ctx, n, w * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t k = begin; k < end; ++k) {
            double* const sum = sums.data() + k * chunks * w * c;
            add_rows(sum, sum + w * c, chunks - 1, w * c, w * c);
            for (std::int64_t i = 0; i < w * c; ++i)
                columns.data[k * w * c + i] = static_cast<A>(sum[i] / static_cast<double>(h));
        }
    });
}

template <class T>
void strip_pool_backward(context& ctx, in<T, 4> gy, out<T, 4> gx, store how) {
    using A = accumulator_t<T>;
    const std::int64_t n = gx.extent(0), h = gx.extent(1), w = gx.extent(2), c = gx.extent(3);
    const auto rows = empty<A>(ctx, shape<2>{{n * h, c}});
    const auto columns = empty<A>(ctx, shape<2>{{n, w * c}});
    strip_means<T>(ctx, gy, rows.view(), columns.view());
    parallel_for(ctx, n * h, w * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t j = 0; j < w; ++j) {
                A const* const along = rows.data() + row * c;
                A const* const across = columns.data() + (row / h * w + j) * c;
                T* const __restrict to = gx.data + (row * w + j) * c;
                for (std::int64_t i = 0; i < c; ++i)
                    put(to[i], along[i] + across[i], how);
            }
    });
}

template <class T>
void strip_pool_forward(context& ctx, in<T, 4> x, out<T, 4> y) {
    strip_pool_backward<T>(ctx, x, y, store::set);
}

} // namespace cpu

/// The mean of its row plus the mean of its column at every pixel of x (n, h, w, c).
template <class C, class T, class S>
image<T, S> strip_pool(tape<C>& t, const image<T, S>& x) {
    expect(x.extent(1) >= 1 && x.extent(2) >= 1, "strip_pool", "the image has pixels", x.dims());
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x));
    strip_pool_forward(t.context, x.value, y.value.view());
    if (y.slot)
        t.record([x, y](C& ctx) {
            if (!y.slot->written())
                return;
            auto const gx = x.slot->claim(ctx, x.dims());
            strip_pool_backward(ctx, y.gradient(), gx.to, gx.how);
        });
    return y;
}

} // namespace pfad
