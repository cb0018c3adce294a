// AFF adds its two inputs in front of its branches.
#include "support/op.hpp"

#include <pfad/ops/add.hpp>

namespace {

using namespace pfad;

void add_forward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw(ctx, bench::maps(state)).flat();
    const auto b = bench::draw(ctx, a.dims());
    const auto y = empty<float>(ctx, a.dims());
    bench::measure(state, bench::operations(1, y), bench::bytes(a, b, y),
                   [&] { add_forward(ctx, a, b, y.view()); });
}
// Both inputs have a gradient from elsewhere already.
void add_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw(ctx, bench::maps(state)).flat();
    const auto ga = full(ctx, gy.dims(), 0.0f), gb = full(ctx, gy.dims(), 0.0f);
    bench::measure(state, bench::operations(2, gy), bench::bytes(gy, ga, ga, gy, gb, gb), [&] {
        accumulate_forward(ctx, gy, ga.view(), store::add);
        accumulate_forward(ctx, gy, gb.view(), store::add);
    });
}
BENCHMARK(add_forward)->Apply(bench::stages);
BENCHMARK(add_backward)->Apply(bench::stages);

} // namespace
