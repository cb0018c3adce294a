// RCM's attention on its filtered input.
#include "support/op.hpp"

#include <pfad/ops/multiply.hpp>

namespace {

using namespace pfad;

void multiply_forward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw(ctx, bench::maps(64, 256)).flat(), b = bench::draw(ctx, a.dims());
    const auto y = empty<float>(ctx, a.dims());
    bench::measure(state, bench::operations(1, y), bench::bytes(a, b, y),
                   [&] { multiply_forward(ctx, a, b, y.view(), store::set); });
}
// The gradient of a product is two products.
void multiply_backward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw(ctx, bench::maps(64, 256)).flat(), b = bench::draw(ctx, a.dims());
    const auto gy = bench::draw(ctx, a.dims());
    const auto ga = empty<float>(ctx, a.dims()), gb = empty<float>(ctx, a.dims());
    bench::measure(state, bench::operations(2, gy), bench::bytes(gy, b, ga, gy, a, gb), [&] {
        multiply_forward(ctx, gy, b, ga.view(), store::set);
        multiply_forward(ctx, gy, a, gb.view(), store::set);
    });
}
BENCHMARK(multiply_forward)->UseRealTime();
BENCHMARK(multiply_backward)->UseRealTime();

} // namespace
