// RCM's means of rows and columns.
#include "support/op.hpp"

#include <pfad/ops/strip_pool.hpp>

namespace {

using namespace pfad;

void strip_pool_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw(ctx, bench::maps(64, 256));
    const auto y = empty<float>(ctx, x.dims());
    bench::measure(state, bench::operations(3, x), bench::bytes(x, y),
                   [&] { strip_pool_forward(ctx, x, y.view()); });
}
void strip_pool_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw(ctx, bench::maps(64, 256));
    const auto gx = empty<float>(ctx, gy.dims());
    bench::measure(state, bench::operations(3, gy), bench::bytes(gy, gx),
                   [&] { strip_pool_backward(ctx, gy, gx.view(), store::set); });
}
BENCHMARK(strip_pool_forward)->UseRealTime();
BENCHMARK(strip_pool_backward)->UseRealTime();

} // namespace
