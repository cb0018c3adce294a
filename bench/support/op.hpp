// What the benchmark of an op needs: the shapes of the model and a loop in a meter. One description
// serves the CPU (bench_ops) and, compiled by nvcc, the kernels (bench_kernels).
//   bench_ops --benchmark_filter=batch_norm --benchmark_repetitions=5
#pragma once

#include "support/context.hpp"
#if defined(__CUDACC__)
#include "support/gpu_meter.hpp"
#else
#include "support/roofline.hpp"
#endif

#include <benchmark/benchmark.h>

#include <cstdint>

/// Registers the benchmark name<T>: for float, and on a GPU for bf16 as well. The second argument
/// is a function that sets its arguments.
#if defined(__CUDACC__)
#define PFAD_BENCHMARK(name, arguments)                                                            \
    BENCHMARK_TEMPLATE(name, float)->Apply(arguments)->UseRealTime();                              \
    BENCHMARK_TEMPLATE(name, pfad::bf16)->Apply(arguments)->UseRealTime()
#else
#define PFAD_BENCHMARK(name, arguments)                                                            \
    BENCHMARK_TEMPLATE(name, float)->Apply(arguments)->UseRealTime()
#endif

namespace pfad::bench {

/// Pictures in a training batch; their side is 256.
inline constexpr std::int64_t batch = 16;

/// Branches of a PCAR.
inline constexpr std::int64_t branches = 3;

/// The exponent of the focal loss in stage two.
inline constexpr double focusing = 4;

/// A batch of square feature maps.
[[nodiscard]] constexpr shape<4> maps(std::int64_t side, std::int64_t channels) {
    return {{batch, side, side, channels}};
}
[[nodiscard]] inline shape<4> maps(const benchmark::State& state) {
    return maps(state.range(0), state.range(1));
}

/// No arguments: the shapes are the benchmark's own.
inline void once(benchmark::internal::Benchmark*) {}

/// The sizes of the feature maps of the three levels that teacher and student share.
inline void levels(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 64})->Args({32, 128})->Args({16, 256});
}
/// The same, the student's last stage and the segmentation network.
inline void stages(benchmark::internal::Benchmark* b) {
    levels(b);
    b->Args({8, 512})->Args({64, 256});
}
/// The same and the stem, which has the largest map of all.
inline void all_stages(benchmark::internal::Benchmark* b) {
    stages(b);
    b->Args({128, 64});
}
/// The segmentation network alone.
inline void segmentation(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 256});
}

/// The bytes of some tensors, each read or written once.
template <class... A>
[[nodiscard]] double bytes(const A&... tensors) {
    return static_cast<double>(
        (... + (tensors.size() * static_cast<std::int64_t>(sizeof(*tensors.data())))));
}
/// `each` operations for every element.
template <class A>
[[nodiscard]] double operations(double each, const A& elements) {
    return each * static_cast<double>(elements.size());
}

/// Times run(), after one call that touches all memory for the first time. A benchmark of several
/// ops that one fused op replaces declares the bytes of that one.
template <class F>
void measure(context& ctx, benchmark::State& state, double operations, double bytes, const F& run) {
    if (describing) {
        for (auto _ : state)
            state.counters["bytes"] = bytes;
        return;
    }
    run();
#if defined(__CUDACC__)
    static_cast<void>(operations);
    const gpu_meter meter(ctx, state, bytes);
    meter.time(run);
#else
    static_cast<void>(ctx);
    const meter meter(state, operations, bytes);
    for (auto _ : state) {
        run();
        benchmark::ClobberMemory();
    }
#endif
}

} // namespace pfad::bench
