// layer_norm: a warp a position, 16 bytes a lane where the channels allow; a position is read again from
// the cache once its mean is known. The gradients of weight and bias are column sums (see
// device/reduce.cuh). Bytes: forward 2 x, input gradient 3 x (4 x when adding), sums 2 x.
#pragma once

#include <pfad/device/reduce.cuh>
#include <pfad/device/row.cuh>
#include <pfad/ops/layer_norm.hpp>

#include <cmath>

namespace pfad::cuda {

namespace kernels {

/// Geometry: 32 x 8 threads, a warp (threadIdx.y) a position, in strides of the grid.
template <int N, class T>
__global__ void __launch_bounds__(256)
    layer_norm_value_kernel(std::int64_t positions,
                            std::int64_t c,
                            const T* x,                     // (positions, c)
                            const accumulator_t<T>* weight, // (c)
                            const accumulator_t<T>* bias,   // (c)
                            accumulator_t<T> epsilon,
                            accumulator_t<T>* statistics, // (positions, 2)
                            T* y) {                       // (positions, c)
    using A = accumulator_t<T>;
    const std::int64_t first = std::int64_t(threadIdx.x) * N;
    for (std::int64_t row = std::int64_t(blockIdx.x) * 8 + threadIdx.y; row < positions;
         row += std::int64_t(gridDim.x) * 8) {
        A sum = 0, squares = 0;
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A v[N];
            device::load<N>(x + row * c + i, v);
#pragma unroll
            for (int k = 0; k < N; ++k)
                sum += v[k];
        }
        const A mean = device::warp_sum(sum) / static_cast<A>(c);
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A v[N];
            device::load<N>(x + row * c + i, v);
#pragma unroll
            for (int k = 0; k < N; ++k)
                squares += (v[k] - mean) * (v[k] - mean);
        }
        squares = device::warp_sum(squares);
        const A inverse = A(1) / std::sqrt(squares / static_cast<A>(c) + epsilon);
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A v[N], w[N], b[N];
            device::load<N>(x + row * c + i, v);
            device::load<N>(weight + i, w);
            device::load<N>(bias + i, b);
#pragma unroll
            for (int k = 0; k < N; ++k)
                v[k] = (v[k] - mean) * inverse * w[k] + b[k];
            device::save<N>(y + row * c + i, v, store::set);
        }
        if (threadIdx.x == 0) {
            statistics[2 * row] = mean;
            statistics[2 * row + 1] = inverse;
        }
    }
}

/// Geometry: as layer_norm_value_kernel.
template <int N, class T>
__global__ void __launch_bounds__(256)
    layer_norm_gradient_kernel(std::int64_t positions,
                               std::int64_t c,
                               const T* x,                         // (positions, c)
                               const T* gy,                        // (positions, c)
                               const accumulator_t<T>* weight,     // (c)
                               const accumulator_t<T>* statistics, // (positions, 2)
                               T* gx,                              // (positions, c)
                               store how) {
    using A = accumulator_t<T>;
    const std::int64_t first = std::int64_t(threadIdx.x) * N;
    for (std::int64_t row = std::int64_t(blockIdx.x) * 8 + threadIdx.y; row < positions;
         row += std::int64_t(gridDim.x) * 8) {
        const A mean = statistics[2 * row], inverse = statistics[2 * row + 1];
        A sum = 0, along = 0;
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A v[N], g[N], w[N];
            device::load<N>(x + row * c + i, v);
            device::load<N>(gy + row * c + i, g);
            device::load<N>(weight + i, w);
#pragma unroll
            for (int k = 0; k < N; ++k) {
                sum += w[k] * g[k];
                along += w[k] * g[k] * ((v[k] - mean) * inverse);
            }
        }
        sum = device::warp_sum(sum) / static_cast<A>(c);
        along = device::warp_sum(along) / static_cast<A>(c);
#pragma unroll 1
        for (std::int64_t i = first; i < c; i += 32 * N) {
            A v[N], g[N], w[N];
            device::load<N>(x + row * c + i, v);
            device::load<N>(gy + row * c + i, g);
            device::load<N>(weight + i, w);
#pragma unroll
            for (int k = 0; k < N; ++k)
                g[k] = inverse * (w[k] * g[k] - sum - (v[k] - mean) * inverse * along);
            device::save<N>(gx + row * c + i, g, how);
        }
    }
}

template <class T>
struct layer_norm_term {
    const T* x;                         // (rows, c)
    const T* gy;                        // (rows, c)
    const accumulator_t<T>* statistics; // (rows, 2)
    std::int64_t c;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[2][N]) const {
        using A = accumulator_t<T>;
        const A mean = statistics[2 * row], inverse = statistics[2 * row + 1];
        A v[N], g[N];
        device::load<N>(x + row * c + column, v);
        device::load<N>(gy + row * c + column, g);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            sum[0][k] += g[k] * ((v[k] - mean) * inverse);
            sum[1][k] += g[k];
        }
    }
};

template <class A>
struct layer_norm_result {
    A* sums; // (2, c)
    std::int64_t c;

    __device__ void operator()(std::int64_t, std::int64_t column, const A (&sum)[2]) const {
        sums[column] = sum[0];
        sums[c + column] = sum[1];
    }
};

} // namespace kernels

template <class T>
void layer_norm_forward(context& ctx,
                        in<T, 4> x,
                        in<accumulator_t<T>, 1> weight,
                        in<accumulator_t<T>, 1> bias,
                        double epsilon,
                        out<accumulator_t<T>, 2> statistics,
                        out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = weight.size(), positions = statistics.extent(0);
    const bool wide = c % n == 0 && device::aligned<n>(x.data, weight.data, bias.data, y.data);
    launch(ctx, "layer_norm_forward", {blocks_for(ctx, positions * 32, 256), dim3(32, 8)},
           wide ? kernels::layer_norm_value_kernel<n, T> : kernels::layer_norm_value_kernel<1, T>,
           positions, c, x.data, weight.data, bias.data, static_cast<accumulator_t<T>>(epsilon),
           statistics.data, y.data);
}

template <class T>
void layer_norm_backward_input(context& ctx,
                               in<T, 4> x,
                               in<T, 4> gy,
                               in<accumulator_t<T>, 1> weight,
                               in<accumulator_t<T>, 2> statistics,
                               out<T, 4> gx,
                               store how) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t c = weight.size(), positions = statistics.extent(0);
    const bool wide = c % n == 0 && device::aligned<n>(x.data, gy.data, weight.data, gx.data);
    launch(ctx, "layer_norm_backward_input", {blocks_for(ctx, positions * 32, 256), dim3(32, 8)},
           wide ? kernels::layer_norm_gradient_kernel<n, T>
                : kernels::layer_norm_gradient_kernel<1, T>,
           positions, c, x.data, gy.data, weight.data, statistics.data, gx.data, how);
}

template <class T>
void layer_norm_backward_sums(context& ctx,
                              in<T, 4> x,
                              in<T, 4> gy,
                              in<accumulator_t<T>, 2> statistics,
                              out<accumulator_t<T>, 1> sums) {
    constexpr int n = device::full_pack<T>;
    using A = accumulator_t<T>;
    const std::int64_t c = sums.size() / 2;
    sum_rows<2, n, A>(ctx, "layer_norm_backward_sums", {1, statistics.extent(0), c},
                      c % n == 0 && device::aligned<n>(x.data, gy.data),
                      kernels::layer_norm_term<T>{x.data, gy.data, statistics.data, c},
                      kernels::layer_norm_result<A>{sums.data, c});
}

} // namespace pfad::cuda
