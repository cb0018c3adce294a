// The student's decoder doubles its maps; the anomaly map grows to the picture.
#include "support/op.hpp"

#include <pfad/ops/resize_bilinear.hpp>

namespace {

using namespace pfad;

struct sizes {
    bench::context ctx;
    tensor<float, 4> small, large;

    explicit sizes(const benchmark::State& state)
        : small(bench::draw(ctx, bench::maps(state.range(0), state.range(2)))),
          large(bench::draw(ctx, bench::maps(state.range(1), state.range(2)))) {}
};

void resize_bilinear_forward(benchmark::State& state) {
    sizes s(state);
    bench::measure(state, bench::operations(6, s.large), bench::bytes(s.small, s.large),
                   [&] { resize_bilinear_forward(s.ctx, s.small, s.large.view()); });
}
void resize_bilinear_backward(benchmark::State& state) {
    sizes s(state);
    bench::measure(state, bench::operations(6, s.large), bench::bytes(s.small, s.large),
                   [&] { resize_bilinear_backward(s.ctx, s.large, s.small.view(), store::set); });
}

void decoder(benchmark::internal::Benchmark* b) {
    b->ArgNames({"from", "to", "channels"})->UseRealTime();
    b->Args({8, 16, 512})->Args({16, 32, 256})->Args({32, 64, 128});
}
BENCHMARK(resize_bilinear_forward)->Apply(decoder)->Args({64, 256, 1});
BENCHMARK(resize_bilinear_backward)->Apply(decoder);

} // namespace
