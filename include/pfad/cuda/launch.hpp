// Starting a kernel: a checked function instead of <<<>>>, which is not C++.
#pragma once

#include <pfad/cuda/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace pfad::cuda {

/// Blocks, threads a block, and bytes of dynamic shared memory.
struct launch_shape {
    /// Blocks, and threads in each.
    dim3 blocks, threads;
    std::size_t shared = 0; ///< bytes a block
};

/// Queues kernel(arguments...) on the context's stream; `what` names it in an error. No blocks: no
/// launch.
template <class... P, class... A>
void launch(
    context& ctx, const char* what, const launch_shape& s, void (*kernel)(P...), A&&... arguments) {
    if (s.blocks.x == 0 || s.blocks.y == 0 || s.blocks.z == 0)
        return;
    ctx.make_current(what);
    cudaLaunchConfig_t config = {};
    config.gridDim = s.blocks;
    config.blockDim = s.threads;
    config.dynamicSmemBytes = s.shared;
    config.stream = ctx.stream();
    check(cudaLaunchKernelEx(&config, kernel, std::forward<A>(arguments)...), what);
}

/// A / b, rounded up.
[[nodiscard]] constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

/// Blocks of `threads` for `items` in a grid-stride loop: enough to fill the GPU `waves` times over
/// (2048 threads a multiprocessor), and no more than there is work for.
[[nodiscard]] inline unsigned
blocks_for(const context& ctx, std::int64_t items, int threads, int waves = 4) {
    const std::int64_t most = std::int64_t(ctx.multiprocessors) * (2048 / threads) * waves;
    return static_cast<unsigned>(std::min(divide_up(items, threads), most));
}

} // namespace pfad::cuda
