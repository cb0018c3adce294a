// The score of a picture: the mean of its hundred highest pixels.
#include "support/op.hpp"

#include <pfad/ops/top_k_mean.hpp>

namespace {

using namespace pfad;

template <class T>
void top_k_mean(benchmark::State& state) {
    bench::context ctx;
    const auto map = bench::draw<T>(ctx, shape<4>{{state.range(0), 256, 256, 1}}, 0, 1);
    const auto score = empty<T>(ctx, shape<1>{{map.extent(0)}});
    bench::measure(ctx, state, 0, bench::bytes(map),
                   [&] { top_k_mean_forward(ctx, map, 100, score.view()); });
}

void test_batches(benchmark::internal::Benchmark* b) {
    b->ArgName("pictures")->Arg(1)->Arg(8)->Arg(bench::batch);
}
PFAD_BENCHMARK(top_k_mean, test_batches);

} // namespace
