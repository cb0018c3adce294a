// The trained values of the student, of the segmentation network's blocks and of what follows.
#include "support/op.hpp"

#include <pfad/ops/sgd.hpp>

#include <type_traits>

namespace {

using namespace pfad;

template <class T>
void sgd_update(benchmark::State& state) {
    bench::context ctx;
    const shape<1> dims = {{state.range(0)}};
    using A = accumulator_t<T>;
    const auto w = bench::draw<A>(ctx, dims), g = bench::draw<A>(ctx, dims),
               v = bench::draw<A>(ctx, dims);
    const auto scale = full(ctx, shape<1>{{1}}, A(1));
    const auto rounded = std::is_same_v<T, A> ? bench::array<T, 1>() : empty<T>(ctx, dims);
    bench::measure(ctx, state, bench::operations(6, w), bench::bytes(w, g, v, w, v, rounded), [&] {
        sgd_update(ctx, w.view(), g, v.view(), rounded.view(), 1e-3, scale, {});
    });
}
void networks(benchmark::internal::Benchmark* b) {
    b->ArgName("values")->Arg(51680304)->Arg(5462816)->Arg(863489);
}
PFAD_BENCHMARK(sgd_update, networks);

} // namespace
