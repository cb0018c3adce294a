// Where student and teacher differ, level by level.
#include "support/op.hpp"

#include <pfad/ops/unit_distance_map.hpp>

namespace {

using namespace pfad;

template <class T>
void unit_distance_map_forward(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw<T>(ctx, bench::maps(state)), s = bench::draw<T>(ctx, t.dims(), 0, 1);
    const auto y = empty<accumulator_t<T>>(ctx, bench::maps(t.extent(1), 1));
    bench::measure(ctx, state, bench::operations(8, s), bench::bytes(t, s, y),
                   [&] { unit_distance_map_forward<T>(ctx, t, s, y.view()); });
}
PFAD_BENCHMARK(unit_distance_map_forward, bench::levels);

} // namespace
