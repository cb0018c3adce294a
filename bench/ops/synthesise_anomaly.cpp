// A training batch of corrupted pictures, from coarse noise to the finest.
#include "support/op.hpp"

#include <pfad/ops/synthesise_anomaly.hpp>

namespace {

using namespace pfad;

void synthesise_anomaly(benchmark::State& state) {
    bench::context ctx;
    const auto good = bench::draw(ctx, bench::maps(256, 3), 0, 1);
    const auto texture = bench::draw(ctx, good.dims(), 0, 1);
    const auto angles = bench::draw(ctx, shape<2>{{bench::batch, lattice_capacity}}, 0, 6.28);
    const int cells = static_cast<int>(state.range(0));
    const auto draws = full(ctx, shape<1>{{bench::batch}}, anomaly_draw{cells, cells, 30, 0.5f});
    const auto corrupted = empty<float>(ctx, good.dims());
    const auto mask = empty<float>(ctx, bench::maps(256, 1));
    bench::measure(state, bench::operations(60, mask), bench::bytes(good, texture, corrupted, mask),
                   [&] {
                       synthesise_anomaly_forward(ctx, good, texture, draws, angles,
                                                  corrupted.view(), mask.view());
                   });
}
BENCHMARK(synthesise_anomaly)->ArgName("cells")->Arg(1)->Arg(8)->Arg(32)->UseRealTime();

} // namespace
