// The activations where they are largest: RCM's attention and hidden layer.
#include "support/op.hpp"

#include <pfad/ops/activation.hpp>

namespace {

using namespace pfad;

template <class F>
void activation_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw(ctx, bench::maps(state)).flat();
    const auto y = empty<float>(ctx, x.dims());
    bench::measure(state, bench::operations(1, x), bench::bytes(x, y),
                   [&] { activation_forward(ctx, F{}, x, y.view()); });
}
template <class F>
void activation_backward(benchmark::State& state) {
    bench::context ctx;
    const auto saved = bench::draw(ctx, bench::maps(state)).flat();
    const auto gy = bench::draw(ctx, saved.dims());
    const auto gx = empty<float>(ctx, saved.dims());
    bench::measure(state, bench::operations(2, gx), bench::bytes(saved, gy, gx),
                   [&] { activation_backward(ctx, F{}, saved, gy, gx.view(), store::set); });
}

void segmentation(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 256})->UseRealTime();
}
void hidden_layer(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 512})->UseRealTime();
}
BENCHMARK_TEMPLATE(activation_forward, relu)->Apply(segmentation);
BENCHMARK_TEMPLATE(activation_backward, relu)->Apply(segmentation);
BENCHMARK_TEMPLATE(activation_forward, sigmoid)->Apply(segmentation);
BENCHMARK_TEMPLATE(activation_backward, sigmoid)->Apply(segmentation);
BENCHMARK_TEMPLATE(activation_forward, gelu)->Apply(hidden_layer);
BENCHMARK_TEMPLATE(activation_backward, gelu)->Apply(hidden_layer);

} // namespace
