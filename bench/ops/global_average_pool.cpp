// In front of AFF's global branch.
#include "support/op.hpp"

#include <pfad/ops/global_average_pool.hpp>

namespace {

using namespace pfad;

template <class T>
void global_average_pool_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(state));
    const auto y = empty<T>(ctx, bench::maps(1, x.extent(3)));
    bench::measure(ctx, state, bench::operations(1, x), bench::bytes(x, y),
                   [&] { global_average_pool_forward(ctx, x, y.view()); });
}
template <class T>
void global_average_pool_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gx = empty<T>(ctx, bench::maps(state));
    const auto gy = bench::draw<T>(ctx, bench::maps(1, gx.extent(3)));
    bench::measure(ctx, state, bench::operations(1, gx), bench::bytes(gy, gx),
                   [&] { global_average_pool_backward(ctx, gy, gx.view(), store::set); });
}
PFAD_BENCHMARK(global_average_pool_forward, bench::stages);
PFAD_BENCHMARK(global_average_pool_backward, bench::stages);

} // namespace
