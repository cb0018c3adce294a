#include <pfad/core/philox.hpp>
#include <pfad/ops/top_k_mean.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>

namespace {

constexpr std::int64_t side = 256;

void top_k_mean(benchmark::State& state) {
    pfad::cpu::context ctx;
    const auto map = pfad::empty<float>(ctx, pfad::shape<4>{{state.range(0), side, side, 1}});
    pfad::random_stream draws(1, "top");
    std::generate_n(map.data(), map.size(), [&] { return static_cast<float>(draws.uniform()); });
    for (auto _ : state)
        benchmark::DoNotOptimize(pfad::top_k_mean(ctx, map, 100).data());
    state.SetItemsProcessed(state.iterations() * map.size());
    state.SetBytesProcessed(state.iterations() * map.size() * 4);
}
BENCHMARK(top_k_mean)->ArgName("pictures")->Arg(1)->Arg(8)->UseRealTime();

} // namespace
