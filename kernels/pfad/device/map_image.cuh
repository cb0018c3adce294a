// The loop of kernels that make an image pixel by pixel and need to know where a pixel lies.
#pragma once

#include <pfad/cuda/launch.hpp>
#include <pfad/device/pack.cuh>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pfad::cuda {

/// `rows` of all images, `columns` in each, `channels` elements a pixel.
struct image_rows {
    /// Rows of all images, pixels of a row, elements of a pixel.
    std::int64_t rows, columns, channels;
};

/// What a thread divides by to find its pixel, where 64 bits would cost it many times as much.
/// Leaves room for a stride of the grid beyond the end.
[[nodiscard]] inline int index(std::int64_t x) {
    expect(x <= std::numeric_limits<int>::max() - 65535, "cuda", "extents fit into 31 bits");
    return static_cast<int>(x);
}

namespace kernels {

/// Geometry: a thread N neighbouring channels of a pixel; rows (blockIdx.y) and packs of a row
/// (blockIdx.x) in strides of the grid. Neighbouring threads take neighbouring channels.
template <int N, class F>
__global__ void __launch_bounds__(256) map_image_kernel(int rows, int items, int packs, F f) {
    for (int row = static_cast<int>(blockIdx.y); row < rows; row += static_cast<int>(gridDim.y))
        for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < static_cast<unsigned>(items);
             i += gridDim.x * blockDim.x) {
            const int column = static_cast<int>(i) / packs;
            f(device::width<N>(), row, column, (static_cast<int>(i) - column * packs) * N);
        }
}

} // namespace kernels

/// Calls f(width<K>, row, column, channel) for K channels each, K = N where `wide` says that N
/// divides the channels and all is aligned, else 1.
template <int N, class F>
void map_image(context& ctx, const char* what, const image_rows& y, bool wide, const F& f) {
    const auto start = [&]<int W>(device::width<W>) {
        const std::int64_t packs = y.channels / W, items = y.columns * packs;
        if (items == 0)
            return;
        // Whole warps, and no more of them than a short row can use.
        const std::int64_t threads = std::min<std::int64_t>(256, divide_up(items, 32) * 32);
        launch(
            ctx, what,
            {dim3(static_cast<unsigned>(std::min<std::int64_t>(divide_up(items, threads), 65535)),
                  static_cast<unsigned>(std::min<std::int64_t>(y.rows, 65535))),
             dim3(static_cast<unsigned>(threads))},
            kernels::map_image_kernel<W, F>, index(y.rows), index(items), index(packs), f);
    };
    if (wide)
        start(device::width<N>());
    else
        start(device::width<1>());
}

} // namespace pfad::cuda
