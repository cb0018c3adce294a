// RCM's attention on its filtered input.
#include "support/op.hpp"

#include <pfad/ops/multiply.hpp>

namespace {

using namespace pfad;

template <class T>
void multiply_forward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw<T>(ctx, bench::maps(64, 256)).flat(),
               b = bench::draw<T>(ctx, a.dims());
    const auto y = empty<T>(ctx, a.dims());
    bench::measure(ctx, state, bench::operations(1, y), bench::bytes(a, b, y),
                   [&] { multiply_forward(ctx, a, b, y.view(), store::set); });
}
// The gradient of a product is two products.
template <class T>
void multiply_backward(benchmark::State& state) {
    bench::context ctx;
    const auto a = bench::draw<T>(ctx, bench::maps(64, 256)).flat(),
               b = bench::draw<T>(ctx, a.dims());
    const auto gy = bench::draw<T>(ctx, a.dims());
    const auto ga = empty<T>(ctx, a.dims()), gb = empty<T>(ctx, a.dims());
    bench::measure(ctx, state, bench::operations(2, gy), bench::bytes(gy, b, ga, gy, a, gb), [&] {
        multiply_forward(ctx, gy, b, ga.view(), store::set);
        multiply_forward(ctx, gy, a, gb.view(), store::set);
    });
}
PFAD_BENCHMARK(multiply_forward, bench::once);
PFAD_BENCHMARK(multiply_backward, bench::once);

} // namespace
