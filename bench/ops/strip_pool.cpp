// RCM's means of rows and columns.
#include "support/op.hpp"

#include <pfad/ops/strip_pool.hpp>

namespace {

using namespace pfad;

template <class T>
void strip_pool_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(64, 256));
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(3, x), bench::bytes(x, y),
                   [&] { strip_pool_forward(ctx, x, y.view()); });
}
template <class T>
void strip_pool_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw<T>(ctx, bench::maps(64, 256));
    const auto gx = empty<T>(ctx, gy.dims());
    bench::measure(ctx, state, bench::operations(3, gy), bench::bytes(gy, gx),
                   [&] { strip_pool_backward(ctx, gy, gx.view(), store::set); });
}
PFAD_BENCHMARK(strip_pool_forward, bench::once);
PFAD_BENCHMARK(strip_pool_backward, bench::once);

} // namespace
