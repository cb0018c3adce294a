// depthwise_conv2d: the filter is cut along its longer side, so that a strip of either direction is
// one pass. Output and input gradient: a thread makes 16 bytes of channels of 4 pixels in a row
// along that side; each input passes through a window in registers, one load for 4 outputs, and
// the rest of the overlap comes from the cache. Weight gradient: a sum over rows (see
// device/reduce.cuh), 6 taps (3 where there are no more) at once. 16 bytes where the channels
// allow. Bytes: forward and input gradient 2 x (3 x when adding), bias gradient gy, weight gradient
// x + gy for every 6 taps of a line.
#pragma once

#include <pfad/device/columns.cuh>
#include <pfad/device/map_image.cuh>
#include <pfad/ops/depthwise_conv2d.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace kernels {

/// The pixels of an image and the taps of a filter, seen along one direction and beside it. A run
/// is some neighbouring pixels along; a row of the grid holds runs that lie beside each other.
struct depthwise_lines {
    int along, beside;           // pixels of the image
    int step_along, step_beside; // elements from pixel to pixel
    int taps_along, taps_beside;
    int weight_along, weight_beside; // elements from tap to tap
    std::int64_t image;              // elements of an image
    int run;                         // pixels of a run
    int rows;                        // of an image
    int units;                       // runs of a row
    bool down;                       // along is down the image

    /// The first pixel of a run: its image's first element, and where it lies.
    struct place {
        std::int64_t image;
        int at, beside;
    };
    __device__ place of(int row, int unit) const {
        const int k = row % rows;
        return {std::int64_t(row / rows) * image, (down ? k : unit) * run, down ? unit : k};
    }

    /// N channels of pixel `at` of the line that begins at `from`, 0 outside.
    template <int N, class T>
    __device__ void fetch(const T* from, int at, accumulator_t<T> (&to)[N]) const {
        if (at >= 0 && at < along)
            device::load<N>(from + std::int64_t(at) * step_along, to);
        else
#pragma unroll
            for (int k = 0; k < N; ++k)
                to[k] = 0;
    }
};

template <class T, int P>
struct depthwise_value {
    const T* x;                // (n, h, w, c)
    const T* w;                // (r, s, c), its last tap where the steps of the lines are negative
    const accumulator_t<T>* b; // (c) or null
    T* y;                      // (n, h, w, c)
    depthwise_lines l;
    store how;

    template <int N>
    __device__ void operator()(device::width<N>, int row, int unit, int channel) const {
        using A = accumulator_t<T>;
        const auto z = l.of(row, unit);
        A sum[P][N] = {};
        if (b) {
            A bias[N];
            device::load<N>(b + channel, bias);
#pragma unroll
            for (int p = 0; p < P; ++p)
#pragma unroll
                for (int k = 0; k < N; ++k)
                    sum[p][k] = bias[k];
        }
        const int start = z.at - l.taps_along / 2;
        for (int r = 0; r < l.taps_beside; ++r) {
            const int line = z.beside + r - l.taps_beside / 2;
            if (line < 0 || line >= l.beside)
                continue;
            const T* const from = x + z.image + std::int64_t(line) * l.step_beside + channel;
            const T* weight = w + std::int64_t(r) * l.weight_beside + channel;
            A window[P][N];
#pragma unroll
            for (int p = 0; p < P - 1; ++p)
                l.fetch<N>(from, start + p, window[p]);
            for (int s = 0; s < l.taps_along; ++s) {
                A v[N];
                l.fetch<N>(from, start + s + P - 1, window[P - 1]);
                device::load<N>(weight, v);
                weight += l.weight_along;
#pragma unroll
                for (int p = 0; p < P; ++p)
#pragma unroll
                    for (int k = 0; k < N; ++k)
                        sum[p][k] += window[p][k] * v[k];
#pragma unroll
                for (int p = 0; p < P - 1; ++p)
#pragma unroll
                    for (int k = 0; k < N; ++k)
                        window[p][k] = window[p + 1][k];
            }
        }
        T* const to = y + z.image + std::int64_t(z.beside) * l.step_beside + channel;
#pragma unroll
        for (int p = 0; p < P; ++p)
            if (z.at + p < l.along)
                device::save<N>(to + std::int64_t(z.at + p) * l.step_along, sum[p], how);
    }
};

/// K taps of a line of the filter at a time; a group is one such part of one line.
template <class T, int K>
struct depthwise_term {
    const T* x;  // (n, h, w, c)
    const T* gy; // (n, h, w, c)
    depthwise_lines l;
    int parts; // of a line of the filter

    template <int N>
    __device__ void operator()(device::width<N>,
                               std::int64_t group,
                               std::int64_t row,
                               std::int64_t column,
                               accumulator_t<T> (&sum)[K][N]) const {
        using A = accumulator_t<T>;
        const int run = static_cast<int>(row), part = static_cast<int>(group);
        const auto z = l.of(run / l.units, run % l.units);
        const int line = z.beside + part / parts - l.taps_beside / 2;
        if (line < 0 || line >= l.beside)
            return;
        const T* const from = x + z.image + std::int64_t(line) * l.step_beside + column;
        const T* const gradient = gy + z.image + std::int64_t(z.beside) * l.step_beside + column;
        // What lies `shift` pixels further on belongs to the first of the taps.
        const int shift = part % parts * K - l.taps_along / 2;
        const int end = z.at + l.run < l.along ? z.at + l.run : l.along;
        A window[K][N];
#pragma unroll
        for (int k = 0; k < K - 1; ++k)
            l.fetch<N>(from, z.at + shift + k, window[k]);
        // More would cost registers, and spill them in bf16.
        [[maybe_unused]] constexpr int unrolled = sizeof(T) == 2 ? 1 : 2;
#pragma unroll(unrolled)
        for (int at = z.at; at < end; ++at) {
            A g[N];
            l.fetch<N>(from, at + shift + K - 1, window[K - 1]);
            device::load<N>(gradient + std::int64_t(at) * l.step_along, g);
#pragma unroll
            for (int k = 0; k < K; ++k)
#pragma unroll
                for (int v = 0; v < N; ++v)
                    sum[k][v] += window[k][v] * g[v];
#pragma unroll
            for (int k = 0; k < K - 1; ++k)
#pragma unroll
                for (int v = 0; v < N; ++v)
                    window[k][v] = window[k + 1][v];
        }
    }
};

template <class T, int K>
struct depthwise_result {
    accumulator_t<T>* gw; // (r, s, c)
    depthwise_lines l;
    int parts;
    store how;

    __device__ void
    operator()(std::int64_t group, std::int64_t column, const accumulator_t<T> (&sum)[K]) const {
        const int part = static_cast<int>(group), first = part % parts * K;
        accumulator_t<T>* const to = gw + std::int64_t(part / parts) * l.weight_beside +
                                     std::int64_t(first) * l.weight_along + column;
#pragma unroll
        for (int k = 0; k < K; ++k)
            if (first + k < l.taps_along) {
                const accumulator_t<T> one[1] = {sum[k]};
                device::save<1>(to + std::int64_t(k) * l.weight_along, one, how);
            }
    }
};

} // namespace kernels

/// Images (n, h, w, c) under a filter (1, r, s, c), along the longer side of the filter.
[[nodiscard]] inline kernels::depthwise_lines
depthwise_lines(const shape<4>& x, const shape<4>& w, int run) {
    const std::int64_t h = x[1], wd = x[2], c = x[3];
    kernels::depthwise_lines l;
    l.image = h * wd * c;
    l.run = run;
    l.down = w[1] > w[2];
    l.along = index(l.down ? h : wd);
    l.beside = index(l.down ? wd : h);
    l.step_along = index(l.down ? wd * c : c);
    l.step_beside = index(l.down ? c : wd * c);
    l.taps_along = index(l.down ? w[1] : w[2]);
    l.taps_beside = index(l.down ? w[2] : w[1]);
    l.weight_along = index(l.down ? w[2] * c : c);
    l.weight_beside = index(l.down ? c : w[2] * c);
    l.rows = index(l.down ? divide_up(h, run) : h);
    l.units = index(l.down ? wd : divide_up(wd, run));
    return l;
}

/// The filter over x, straight or mirrored; y is set, or added to without a bias.
template <class T>
void depthwise_filter(context& ctx,
                      const char* what,
                      in<T, 4> x,
                      in<T, 4> w,
                      in<accumulator_t<T>, 1> b,
                      out<T, 4> y,
                      store how,
                      bool mirrored) {
    constexpr int n = device::full_pack<T>, run = 4;
    const std::int64_t c = x.extent(3);
    auto lines = depthwise_lines(x.dims, w.dims, run);
    const T* origin = w.data;
    if (mirrored) {
        origin += w.size() - c;
        lines.weight_along = -lines.weight_along;
        lines.weight_beside = -lines.weight_beside;
    }
    map_image<n>(ctx, what, {x.extent(0) * lines.rows, lines.units, c},
                 c % n == 0 && device::aligned<n>(x.data, w.data, b.data, y.data),
                 kernels::depthwise_value<T, run>{x.data, origin, b.data, y.data, lines, how});
}

template <class T>
void depthwise_conv2d_forward(
    context& ctx, in<T, 4> x, in<T, 4> w, in<accumulator_t<T>, 1> b, out<T, 4> y) {
    depthwise_filter<T>(ctx, "depthwise_conv2d_forward", x, w, b, y, store::set, false);
}

template <class T>
void depthwise_conv2d_backward_input(
    context& ctx, in<T, 4> gy, in<T, 4> w, out<T, 4> gx, store how) {
    depthwise_filter<T>(ctx, "depthwise_conv2d_backward_input", gy, w, {}, gx, how, true);
}

template <class T>
void depthwise_conv2d_backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<accumulator_t<T>, 4> gw, store how) {
    // Six sums of four channels are as much as the registers and the shared memory take.
    constexpr int n = std::min(4, device::full_pack<T>);
    const std::int64_t c = x.extent(3);
    const auto lines = depthwise_lines(x.dims, gw.dims, 8);
    const auto start = [&]<int K>(device::width<K>) {
        const int parts = index(divide_up(lines.taps_along, K));
        sum_rows<K, n, accumulator_t<T>>(
            ctx, "depthwise_conv2d_backward_weight",
            {index(std::int64_t(lines.taps_beside) * parts),
             index(x.extent(0) * lines.rows * lines.units), c},
            c % n == 0 && device::aligned<n>(x.data, gy.data),
            kernels::depthwise_term<T, K>{x.data, gy.data, lines, parts},
            kernels::depthwise_result<T, K>{gw.data, lines, parts, how});
    };
    if (lines.taps_along <= 3)
        start(device::width<3>());
    else
        start(device::width<6>());
}

template <class T>
void depthwise_conv2d_backward_bias(context& ctx,
                                    in<T, 4> gy,
                                    out<accumulator_t<T>, 1> gb,
                                    store how) {
    const std::int64_t c = gb.size(), rows = gy.size() / std::max<std::int64_t>(c, 1);
    sum_columns<T>(ctx, "depthwise_conv2d_backward_bias", {1, rows, c}, c, gy.data, gb.data, how);
}

} // namespace pfad::cuda
