// The map of the segmentation network, and what student and teacher make of a picture.
#include "support/op.hpp"

#include <pfad/ops/weigh_by_distance.hpp>

namespace {

using namespace pfad;

template <class T>
void weigh_by_distance(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(64, 448), 0, 0.01);
    const auto m = bench::draw<T>(ctx, bench::maps(64, 1), 0, 1);
    const auto y = empty<T>(ctx, m.dims());
    bench::measure(ctx, state, bench::operations(1, x), bench::bytes(x, m, y),
                   [&] { weigh_by_distance_forward(ctx, x, m, 3, y.view()); });
}
PFAD_BENCHMARK(weigh_by_distance, bench::once);

} // namespace
