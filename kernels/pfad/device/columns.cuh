// Plain column sums, of whole images or of a slice of their channels: biases and repeated pixels.
#pragma once

#include <pfad/device/reduce.cuh>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct column_term {
    const T* x; // (groups, rows, stride)
    std::int64_t rows, stride;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t group,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        accumulator_t<T> v[N];
        device::load<N>(x + (group * rows + row) * stride + column, v);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += v[k];
    }
};

template <class T>
struct column_result {
    T* to; // (groups, columns)
    std::int64_t columns;
    store how;

    __device__ void
    operator()(std::int64_t group, std::int64_t column, const accumulator_t<T> (&sum)[1]) const {
        device::save<1>(to + group * columns + column, sum, how);
    }
};

} // namespace kernels

/// to (groups, columns), in U, from the first columns of x (groups, rows, stride).
template <class T, class U>
void sum_columns(context& ctx,
                 const char* what,
                 const row_blocks& x,
                 std::int64_t stride,
                 const T* from,
                 U* to,
                 store how) {
    constexpr int n = device::full_pack<T>;
    sum_rows<1, n, accumulator_t<T>>(
        ctx, what, x, x.columns % n == 0 && stride % n == 0 && device::aligned<n>(from),
        kernels::column_term<T>{from, x.rows, stride},
        kernels::column_result<U>{to, x.columns, how});
}

} // namespace pfad::cuda
