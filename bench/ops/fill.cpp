// What a copy does half of.
#include "support/op.hpp"

#include <pfad/ops/fill.hpp>

namespace {

using namespace pfad;

template <class T>
void fill_forward(benchmark::State& state) {
    bench::context ctx;
    const auto y = empty<T>(ctx, bench::maps(state)).flat();
    bench::measure(ctx, state, 0, bench::bytes(y), [&] { fill_forward(ctx, T(1), y.view()); });
}
PFAD_BENCHMARK(fill_forward, bench::segmentation);

} // namespace
