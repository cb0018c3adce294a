// What a GPU's memory can do, measured in the same run, and the loop that times kernels.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/cuda/context.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pfad::bench {

/// Bytes a second, read plus written, of copying device memory far larger than the caches: the best
/// of ten copies of 512 MiB. Measured once, on first use.
inline double gpu_bytes(cuda::context& ctx) {
    static const double measured = [&ctx] {
        const std::size_t size = std::size_t(512) << 20;
        const shape<1> dims = {{static_cast<std::int64_t>(size)}};
        const auto from = empty<std::uint8_t>(ctx, dims), to = empty<std::uint8_t>(ctx, dims);
        cuda::check(cudaMemsetAsync(from.data(), 0, size, ctx.stream()), "copy");
        double best = 1e30;
        for (int round = 0; round < 10; ++round) {
            cuda::synchronise(ctx);
            const auto start = std::chrono::steady_clock::now();
            cuda::check(
                cudaMemcpyAsync(to.data(), from.data(), size, cudaMemcpyDefault, ctx.stream()),
                "copy");
            cuda::synchronise(ctx);
            const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
            best = std::min(best, passed.count());
        }
        return 2 * static_cast<double>(size) / best;
    }();
    return measured;
}

/// Times calls that queue work, and reports B/s of one call's bytes and `percent`, their share of
/// what a copy of device memory reaches: above 100 where the data stays in the cache.
class gpu_meter {
public:
    gpu_meter(cuda::context& ctx, benchmark::State& state, double bytes)
        : ctx_(ctx), state_(state), bytes_(bytes), copy_(gpu_bytes(ctx)) {}

    /// Calls run() in fixed numbers between two waits, so that the queue stays full.
    template <class F>
    void time(const F& run) const {
        constexpr int calls = 64;
        cuda::synchronise(ctx_);
        const auto start = std::chrono::steady_clock::now();
        while (state_.KeepRunningBatch(calls)) {
            for (int i = 0; i < calls; ++i)
                run();
            cuda::synchronise(ctx_);
        }
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        const double one = passed.count() / static_cast<double>(state_.iterations());
        state_.counters["B/s"] = benchmark::Counter(bytes_ / one);
        state_.counters["percent"] = benchmark::Counter(100 * bytes_ / copy_ / one);
    }

private:
    cuda::context& ctx_;
    benchmark::State& state_;
    double bytes_;
    double copy_;
};

} // namespace pfad::bench
