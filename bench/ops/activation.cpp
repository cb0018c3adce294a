// The activations where they are largest: RCM's attention and hidden layer.
#include "support/op.hpp"

#include <pfad/ops/activation.hpp>

namespace {

using namespace pfad;

template <class F, class T>
void activation_value(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(state)).flat();
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(1, x), bench::bytes(x, y),
                   [&] { activation_forward(ctx, F{}, x, y.view()); });
}
template <class F, class T>
void activation_gradient(benchmark::State& state) {
    bench::context ctx;
    const auto saved = bench::draw<T>(ctx, bench::maps(state)).flat();
    const auto gy = bench::draw<T>(ctx, saved.dims());
    const auto gx = empty<T>(ctx, saved.dims());
    bench::measure(ctx, state, bench::operations(2, gx), bench::bytes(saved, gy, gx),
                   [&] { activation_backward(ctx, F{}, saved, gy, gx.view(), store::set); });
}

template <class T>
void relu_forward(benchmark::State& state) {
    activation_value<relu, T>(state);
}
template <class T>
void relu_backward(benchmark::State& state) {
    activation_gradient<relu, T>(state);
}
template <class T>
void sigmoid_forward(benchmark::State& state) {
    activation_value<sigmoid, T>(state);
}
template <class T>
void sigmoid_backward(benchmark::State& state) {
    activation_gradient<sigmoid, T>(state);
}
template <class T>
void gelu_forward(benchmark::State& state) {
    activation_value<gelu, T>(state);
}
template <class T>
void gelu_backward(benchmark::State& state) {
    activation_gradient<gelu, T>(state);
}

void hidden_layer(benchmark::internal::Benchmark* b) {
    b->ArgNames({"side", "channels"})->Args({64, 512});
}
PFAD_BENCHMARK(relu_forward, bench::segmentation);
PFAD_BENCHMARK(relu_backward, bench::segmentation);
PFAD_BENCHMARK(sigmoid_forward, bench::segmentation);
PFAD_BENCHMARK(sigmoid_backward, bench::segmentation);
PFAD_BENCHMARK(gelu_forward, hidden_layer);
PFAD_BENCHMARK(gelu_backward, hidden_layer);

} // namespace
