// PCAR both ways, forward and as a part of training, at the model's shapes for pictures of 256 x 256
// and 128 x 128. one_kernel_pays holds what this has measured.
//   bench_pcar --benchmark_filter='/batch:16/' --benchmark_repetitions=5
#include "support/context.hpp"
#include "support/roofline.hpp"

#include <pfad/nn/pcar.hpp>
#include <pfad/ops/all.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

namespace {

using namespace pfad;

void run_pcar(benchmark::State& state, nn::pcar_path path, bool train) {
    bench::context ctx;
    const shape<4> dims = {{state.range(2), state.range(0), state.range(0), state.range(1)}};
    nn::pcar<float> block(ctx, static_cast<int>(dims[3]), path);
    initialise(block, "block", initialiser::kaiming_fan_out, 1);
    const auto x = bench::draw(ctx, dims), gy = bench::draw(ctx, dims);
    const auto run = [&] {
        tape<bench::context> t(ctx, train ? mode::train : mode::eval);
        const auto y = block(t, train ? leaf(x) : constant(x));
        if (train) {
            y.slot->place(gy);
            static_cast<void>(y.slot->claim(ctx, gy.dims()));
            t.run();
            visit_parameters(block, "", [](const std::string&, auto& p) {
                p.slot->reset();
                p.stamp.touch(); // an optimiser's step follows, and weights are packed again
            });
        }
    };
    run();
    // The operations of three convolutions, and of their gradients, whichever way is taken.
    const double operations = 2.0 * 27 * static_cast<double>(x.size() * dims[3]) * (train ? 3 : 1);
    const bench::meter meter(state, operations, 0);
    for (auto _ : state)
        run();
}

const bool added = [] {
    for (const bool train : {false, true})
        for (const auto path : {nn::pcar_path::branches, nn::pcar_path::one_kernel}) {
            const std::string name = std::string("pcar/") + (train ? "train/" : "forward/") +
                                     (path == nn::pcar_path::branches ? "branches" : "one_kernel");
            auto* const b = benchmark::RegisterBenchmark(
                name.c_str(), [=](benchmark::State& s) { run_pcar(s, path, train); });
            b->ArgNames({"side", "channels", "batch"})
                ->UseRealTime()
                ->Unit(benchmark::kMillisecond);
            for (const std::int64_t batch : {1, 8, 16})
                for (const std::int64_t half : {1, 2}) {
                    for (std::int64_t side = 64, c = 64; side >= 8; side /= 2, c *= 2)
                        b->Args({side / half, c, batch});
                    b->Args({64 / half, 256, batch});
                }
        }
    return true;
}();

} // namespace
