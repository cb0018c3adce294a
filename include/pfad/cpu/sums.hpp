// Sums over the rows of a matrix: in double, in an order that the number of threads cannot change.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <algorithm>
#include <cstdint>

namespace pfad::cpu {

/// sum[i] += x[i] + x[stride + i] + ... over `count` rows of `width` elements.
template <class T>
void add_rows(double* __restrict sum,
              T const* x,
              std::int64_t count,
              std::int64_t stride,
              std::int64_t width) {
    std::int64_t k = 0;
    // Four rows at once, so that the sums travel through the cache a quarter as often.
    for (; k + 4 <= count; k += 4) {
        T const* const a = x + k * stride;
        T const* const b = a + stride;
        T const* const c = b + stride;
        T const* const d = c + stride;
        for (std::int64_t i = 0; i < width; ++i)
            sum[i] += (static_cast<double>(a[i]) + static_cast<double>(b[i])) +
                      (static_cast<double>(c[i]) + static_cast<double>(d[i]));
    }
    for (; k < count; ++k)
        for (std::int64_t i = 0; i < width; ++i)
            sum[i] += static_cast<double>(x[k * stride + i]);
}

/// y[i] += x[i] w[i] + x[x_step + i] w[w_step + i] + ... over Count pairs of rows.
template <int Count, class T>
void multiply_add(T* __restrict y,
                  T const* x,
                  std::int64_t x_step,
                  T const* w,
                  std::int64_t w_step,
                  std::int64_t width) {
    for (std::int64_t i = 0; i < width; ++i) {
        T sum = y[i];
        for (int k = 0; k < Count; ++k)
            sum += x[k * x_step + i] * w[k * w_step + i];
        y[i] = sum;
    }
}

/// The same over `count` pairs, four at once.
template <class T>
void multiply_add(T* __restrict y,
                  T const* x,
                  std::int64_t x_step,
                  T const* w,
                  std::int64_t w_step,
                  std::int64_t width,
                  std::int64_t count) {
    for (; count >= 4; count -= 4, x += 4 * x_step, w += 4 * w_step)
        multiply_add<4>(y, x, x_step, w, w_step, width);
    if (count == 3)
        multiply_add<3>(y, x, x_step, w, w_step, width);
    else if (count == 2)
        multiply_add<2>(y, x, x_step, w, w_step, width);
    else if (count == 1)
        multiply_add<1>(y, x, x_step, w, w_step, width);
}

/// Rows of `width` elements that make a chunk worth a part of a parallel loop.
inline std::int64_t rows_worth(std::int64_t width) {
    return 1 + 65536 / std::max<std::int64_t>(width, 1);
}

/// result[k, i] = sum over j of x[k, j, i].
template <class T>
[[nodiscard]] tensor<double, 2> sum_middle(context& ctx, in<T, 3> x, T) {
    const std::int64_t n = x.extent(0), rows = x.extent(1), width = x.extent(2);
    const auto split = fixed_chunks::of(rows, rows_worth(width));
    const int chunks = std::max(split.size(), 1);
    auto sums = full(ctx, shape<2>{{n * chunks, width}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * split.size(), [&](int part) {
        std::int64_t const begin = part % chunks * split.chunk;
        std::int64_t const end = std::min(rows, begin + split.chunk);
        add_rows(sums.data() + part * width, x.data + (part / chunks * rows + begin) * width,
                 end - begin, width, width);
    });
    if (chunks == 1)
        return sums;
    auto result = full(ctx, shape<2>{{n, width}}, 0.0);
    for (std::int64_t k = 0; k < n; ++k)
        add_rows(result.data() + k * width, sums.data() + k * chunks * width, chunks, width, width);
    return result;
}

} // namespace pfad::cpu
