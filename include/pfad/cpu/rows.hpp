// Loops over the rows of a matrix: their sums, in double, and sums of their products. The order of
// each sum is one that the number of threads cannot change.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace pfad::cpu {

/// sum[i] += x[i] + x[stride + i] + ... over `count` rows of `width` elements.
template <class T>
void sum_rows(double* __restrict sum,
              const T* x,
              std::int64_t count,
              std::int64_t stride,
              std::int64_t width) {
    std::int64_t k = 0;
    // Four rows at once, so that the sums travel through the cache a quarter as often.
    for (; k + 4 <= count; k += 4) {
        const T* const a = x + k * stride;
        const T* const b = a + stride;
        const T* const c = b + stride;
        const T* const d = c + stride;
        for (std::int64_t i = 0; i < width; ++i)
            sum[i] += (static_cast<double>(a[i]) + static_cast<double>(b[i])) +
                      (static_cast<double>(c[i]) + static_cast<double>(d[i]));
    }
    for (; k < count; ++k)
        for (std::int64_t i = 0; i < width; ++i)
            sum[i] += static_cast<double>(x[k * stride + i]);
}

/// to[i] += values[0] rows[0][i], then values[1] rows[1][i] and so on, over `count` rows of `width`
/// elements; the steps are from one value and one row to the next. Four rows at a time, since
/// reading and writing `to` is what it costs. `to` is what is computed in, whatever the values and
/// rows are.
template <class A, class V, class R>
void add_weighted_rows(A* __restrict to,
                       const V* values,
                       std::int64_t value_step,
                       const R* rows,
                       std::int64_t row_step,
                       std::int64_t width,
                       std::int64_t count) {
    std::int64_t u = 0;
    for (; u + 4 <= count; u += 4) {
        const V* const v = values + u * value_step;
        const R* const r0 = rows + u * row_step;
        const R *const r1 = r0 + row_step, *const r2 = r1 + row_step, *const r3 = r2 + row_step;
        const A v0 = v[0], v1 = v[value_step], v2 = v[2 * value_step], v3 = v[3 * value_step];
        for (std::int64_t i = 0; i < width; ++i)
            to[i] = to[i] + v0 * r0[i] + v1 * r1[i] + v2 * r2[i] + v3 * r3[i];
    }
    for (; u < count; ++u) {
        const A value = values[u * value_step];
        const R* const row = rows + u * row_step;
        for (std::int64_t i = 0; i < width; ++i)
            to[i] += value * row[i];
    }
}

/// y[i] += x[i] w[i] + x[x_step + i] w[w_step + i] + ... over Count pairs of rows, of any types: y
/// is what they are computed in.
template <int Count, class A, class T, class U>
void add_products(A* __restrict y,
                  const T* x,
                  std::int64_t x_step,
                  const U* w,
                  std::int64_t w_step,
                  std::int64_t width) {
    for (std::int64_t i = 0; i < width; ++i) {
        A sum = y[i];
        for (int k = 0; k < Count; ++k)
            sum += static_cast<A>(x[k * x_step + i]) * static_cast<A>(w[k * w_step + i]);
        y[i] = sum;
    }
}

/// The same over `count` pairs, four at once.
template <class A, class T, class U>
void add_products(A* __restrict y,
                  const T* x,
                  std::int64_t x_step,
                  const U* w,
                  std::int64_t w_step,
                  std::int64_t width,
                  std::int64_t count) {
    for (; count >= 4; count -= 4, x += 4 * x_step, w += 4 * w_step)
        add_products<4>(y, x, x_step, w, w_step, width);
    if (count == 3)
        add_products<3>(y, x, x_step, w, w_step, width);
    else if (count == 2)
        add_products<2>(y, x, x_step, w, w_step, width);
    else if (count == 1)
        add_products<1>(y, x, x_step, w, w_step, width);
}

/// Where results in T are summed up in several passes: where T is rounded, in accumulator_t<T> in
/// memory of their own, until finish() rounds them; else in the results' own place, at no cost.
template <class T>
class wide_sums {
public:
    /// What the loop between two joins adds in.
    using A = accumulator_t<T>;

    /// For up to `size` results at a time.
    wide_sums(context& ctx, std::int64_t size, const char* who = __builtin_FILE()) {
        if constexpr (apart)
            memory_ = empty<A>(ctx, shape<1>{{size}}, who);
    }

    /// The sums of the results at `to`, which hold nothing yet.
    [[nodiscard]] A* of(T* to) const {
        if constexpr (apart)
            return memory_.data();
        else
            return to;
    }
    /// The same, holding zeros, or what the results are added to.
    [[nodiscard]] A* start(T* to, std::int64_t count, store how) const {
        A* const sums = of(to);
        if (how == store::set)
            std::fill_n(sums, count, A(0));
        else if constexpr (apart)
            std::copy_n(to, count, sums);
        return sums;
    }
    /// Stores the sums.
    void finish(T* to, std::int64_t count) const {
        if constexpr (apart) {
            const A* const __restrict sums = memory_.data();
            for (std::int64_t i = 0; i < count; ++i)
                to[i] = static_cast<T>(sums[i]);
        }
    }

private:
    static constexpr bool apart = !std::is_same_v<T, A>;
    struct nothing {};
    std::conditional_t<apart, tensor<A, 1>, nothing> memory_;
};

/// Rows of `width` elements that make a chunk worth a part of a parallel loop.
inline std::int64_t rows_worth(std::int64_t width) {
    return 1 + 65536 / std::max<std::int64_t>(width, 1);
}

/// result[k, i] = sum over j of x[k, j, i].
template <class T>
[[nodiscard]] tensor<double, 2> sum_middle(context& ctx, in<T, 3> x) {
    const std::int64_t n = x.extent(0), rows = x.extent(1), width = x.extent(2);
    const auto split = fixed_chunks::of(rows, rows_worth(width));
    const int chunks = std::max(split.size(), 1);
    auto sums = full(ctx, shape<2>{{n * chunks, width}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * split.size(), [&](int part) {
        const std::int64_t begin = part % chunks * split.chunk;
        const std::int64_t end = std::min(rows, begin + split.chunk);
        sum_rows(sums.data() + part * width, x.data + (part / chunks * rows + begin) * width,
                 end - begin, width, width);
    });
    if (chunks == 1)
        return sums;
    auto result = full(ctx, shape<2>{{n, width}}, 0.0);
    for (std::int64_t k = 0; k < n; ++k)
        sum_rows(result.data() + k * width, sums.data() + k * chunks * width, chunks, width, width);
    return result;
}

} // namespace pfad::cpu
