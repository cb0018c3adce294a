// The weights of the student, from what the optimiser holds to what a network of bf16 reads.
#include "support/op.hpp"

#include <pfad/ops/cast.hpp>

namespace {

using namespace pfad;

template <class T>
void cast_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<accumulator_t<T>>(ctx, shape<1>{{51680304}});
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, 0, bench::bytes(x, y),
                   [&] { cast_forward<accumulator_t<T>>(ctx, x, y.view()); });
}
PFAD_BENCHMARK(cast_forward, bench::once);

} // namespace
