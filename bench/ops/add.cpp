// AFF adds its two inputs in front of its branches.
#include "support/op.hpp"

#include <pfad/ops/add.hpp>

namespace {

using namespace pfad;

template <class T>
void add_forward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw<T>(ctx, bench::maps(state)).flat();
    const auto b = bench::draw<T>(ctx, a.dims());
    const auto y = empty<T>(ctx, a.dims());
    bench::measure(ctx, state, bench::operations(1, y), bench::bytes(a, b, y),
                   [&] { add_forward(ctx, a, b, y.view()); });
}
// Both inputs have a gradient from elsewhere already.
template <class T>
void add_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw<T>(ctx, bench::maps(state)).flat();
    const auto ga = full(ctx, gy.dims(), T(0)), gb = full(ctx, gy.dims(), T(0));
    bench::measure(ctx, state, bench::operations(2, gy), bench::bytes(gy, ga, ga, gy, gb, gb), [&] {
        accumulate_forward(ctx, gy, ga.view(), store::add);
        accumulate_forward(ctx, gy, gb.view(), store::add);
    });
}
PFAD_BENCHMARK(add_forward, bench::stages);
PFAD_BENCHMARK(add_backward, bench::stages);

} // namespace
