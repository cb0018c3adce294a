// attention_fuse: pointwise, 16 bytes a thread and array; the global attention's gradient is a
// column sum of every sample (see device/reduce.cuh), which writes the other gradients on its way.
// Bytes: forward 5 x, 4 x without w; backward 4 x, and x each for ReLU, for every gradient, and for adding.
#pragma once

#include <pfad/core/math.hpp>
#include <pfad/device/map.cuh>
#include <pfad/device/reduce.cuh>
#include <pfad/ops/attention_fuse.hpp>

namespace pfad::cuda {

namespace kernels {

template <class T>
struct attention_fuse_value {
    const T* x;      // (n, area, c)
    const T* r;      // (n, area, c)
    const T* local;  // (n, area, c)
    const T* global; // (n, c)
    T* w;            // (n, area, c) or null
    T* y;            // (n, area, c)
    std::int64_t area, c;
    bool relu;

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        using A = accumulator_t<T>;
        const std::int64_t pixel = i / c;
        A u[N], v[N], a[N], g[N];
        device::load<N>(x + i, u);
        device::load<N>(r + i, v);
        device::load<N>(local + i, a);
        device::load<N>(global + pixel / area * c + (i - pixel * c), g);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            a[k] = math::sigmoid(a[k] + g[k]);
            const A sum = A(2) * (v[k] + a[k] * (u[k] - v[k]));
            u[k] = relu && sum < A(0) ? A(0) : sum; // keeps a NaN
        }
        if (w)
            device::save<N>(w + i, a, store::set);
        device::save<N>(y + i, u, store::set);
    }
};

/// Both uses: a term of the sums gglobal that writes the other gradients on its way; those alone.
template <class T>
struct attention_fuse_gradient {
    const T* x;  // (n, area, c)
    const T* r;  // (n, area, c)
    const T* w;  // (n, area, c)
    const T* y;  // (n, area, c), null without ReLU
    const T* gy; // (n, area, c)
    T* gx;       // (n, area, c) or null
    T* gr;       // (n, area, c) or null
    T* glocal;   // (n, area, c) or null
    std::int64_t area, c;
    store gx_how, gr_how, glocal_how;

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t sample,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[1][N]) const {
        accumulator_t<T> gl[N];
        write<N>((sample * area + row) * c + column, gl);
#pragma unroll
        for (int k = 0; k < N; ++k)
            sum[0][k] += gl[k];
    }

    template <int N>
    __device__ void operator()(device::width<N>, std::int64_t i) const {
        accumulator_t<T> gl[N];
        write<N>(i, gl);
    }

private:
    template <int N>
    __device__ void write(std::int64_t i, accumulator_t<T> (&gl)[N]) const {
        using A = accumulator_t<T>;
        A u[N], v[N], a[N], g[N];
        device::load<N>(x + i, u);
        device::load<N>(r + i, v);
        device::load<N>(w + i, a);
        device::load<N>(gy + i, g);
        if (y) {
            A s[N];
            device::load<N>(y + i, s);
#pragma unroll
            for (int k = 0; k < N; ++k)
                g[k] = s[k] > A(0) ? g[k] : A(0);
        }
#pragma unroll
        for (int k = 0; k < N; ++k) {
            g[k] *= A(2);
            gl[k] = g[k] * (u[k] - v[k]) * a[k] * (A(1) - a[k]);
            u[k] = g[k] * a[k];
            v[k] = g[k] * (A(1) - a[k]);
        }
        if (gx)
            device::save<N>(gx + i, u, gx_how);
        if (gr)
            device::save<N>(gr + i, v, gr_how);
        if (glocal)
            device::save<N>(glocal + i, gl, glocal_how);
    }
};

template <class T>
struct attention_fuse_result {
    T* gglobal; // (n, c)
    std::int64_t c;
    store how;

    __device__ void
    operator()(std::int64_t sample, std::int64_t column, const accumulator_t<T> (&sum)[1]) const {
        device::save<1>(gglobal + sample * c + column, sum, how);
    }
};

} // namespace kernels

template <class T>
void attention_fuse_forward(context& ctx,
                            in<T, 4> x,
                            in<T, 4> r,
                            in<T, 4> local,
                            in<T, 4> global,
                            post after,
                            out<T, 4> w,
                            out<T, 4> y) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = y.extent(1) * y.extent(2), c = y.extent(3);
    map<n>(ctx, "attention_fuse_forward", y.size(),
           c % n == 0 &&
               device::aligned<n>(x.data, r.data, local.data, global.data, w.data, y.data),
           kernels::attention_fuse_value<T>{x.data, r.data, local.data, global.data, w.data, y.data,
                                            area, c, after == post::relu});
}

template <class T>
void attention_fuse_backward(context& ctx,
                             in<T, 4> x,
                             in<T, 4> r,
                             in<T, 4> w,
                             in<T, 4> y,
                             in<T, 4> gy,
                             post after,
                             gradient_target<T, 4> gx,
                             gradient_target<T, 4> gr,
                             gradient_target<T, 4> glocal,
                             gradient_target<T, 4> gglobal) {
    constexpr int n = device::full_pack<T>;
    const std::int64_t area = x.extent(1) * x.extent(2), c = x.extent(3);
    const T* const kept = after == post::relu ? y.data : nullptr;
    const bool wide = c % n == 0 && device::aligned<n>(x.data, r.data, w.data, kept, gy.data,
                                                       gx.to.data, gr.to.data, glocal.to.data);
    const kernels::attention_fuse_gradient<T> gradient{
        x.data,         r.data, w.data, kept,   gy.data, gx.to.data, gr.to.data,
        glocal.to.data, area,   c,      gx.how, gr.how,  glocal.how};
    if (gglobal.to.data)
        sum_rows<1, n, accumulator_t<T>>(
            ctx, "attention_fuse_backward", {x.extent(0), area, c}, wide, gradient,
            kernels::attention_fuse_result<T>{gglobal.to.data, c, gglobal.how});
    else
        map<n>(ctx, "attention_fuse_backward", x.size(), wide, gradient);
}

} // namespace pfad::cuda
