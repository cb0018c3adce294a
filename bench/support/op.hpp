// What the benchmark of an op needs: the shapes of the model and a loop in a meter.
//   bench_ops --benchmark_filter=batch_norm --benchmark_repetitions=5
#pragma once

#include "support/context.hpp"
#include "support/roofline.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>

namespace pfad::bench {

/// Pictures in a training batch; their side is 256.
inline constexpr std::int64_t batch = 16;

/// A batch of square feature maps.
[[nodiscard]] constexpr shape<4> maps(std::int64_t side, std::int64_t channels) {
    return {{batch, side, side, channels}};
}
[[nodiscard]] inline shape<4> maps(const benchmark::State& state) {
    return maps(state.range(0), state.range(1));
}

/// The sizes of the feature maps of the three levels that teacher and student share.
inline void levels(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 64})->Args({32, 128})->Args({16, 256});
    b->UseRealTime();
}
/// The same, the student's last stage and the segmentation network.
inline void stages(benchmark::internal::Benchmark* b) {
    levels(b);
    b->Args({8, 512})->Args({64, 256});
}

/// The bytes of some tensors, each read or written once.
template <class... A>
[[nodiscard]] double bytes(A const&... tensors) {
    return static_cast<double>(
        (... + (tensors.size() * static_cast<std::int64_t>(sizeof(*tensors.data())))));
}
/// `each` operations for every element.
template <class A>
[[nodiscard]] double operations(double each, A const& elements) {
    return each * static_cast<double>(elements.size());
}

/// Times run(), after one call that touches all memory for the first time.
template <class F>
void measure(benchmark::State& state, double operations, double bytes, F&& run) {
    run();
    const meter meter(state, operations, bytes);
    for (auto _ : state) {
        run();
        benchmark::ClobberMemory();
    }
}

} // namespace pfad::bench
