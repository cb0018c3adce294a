// RCM's three filters.
#include "support/op.hpp"

#include <pfad/ops/depthwise_conv2d.hpp>

namespace {

using namespace pfad;

struct filter {
    bench::context ctx;
    tensor<float, 4> x, y, w;
    tensor<float, 1> b;
    double work;

    explicit filter(const benchmark::State& state)
        : x(bench::draw(ctx, bench::maps(64, 256))), y(bench::draw(ctx, x.dims())),
          w(bench::draw(ctx, shape<4>{{1, state.range(0), state.range(1), 256}})),
          b(bench::draw(ctx, shape<1>{{256}})),
          work(bench::operations(2.0 * static_cast<double>(state.range(0) * state.range(1)), y)) {}
};

void depthwise_conv2d_forward(benchmark::State& state) {
    filter f(state);
    bench::measure(state, f.work, bench::bytes(f.x, f.y),
                   [&] { depthwise_conv2d_forward(f.ctx, f.x, f.w, f.b, f.y.view()); });
}
void depthwise_conv2d_backward_input(benchmark::State& state) {
    filter f(state);
    bench::measure(state, f.work, bench::bytes(f.x, f.y), [&] {
        depthwise_conv2d_backward_input(f.ctx, f.y, f.w, f.x.view(), store::set);
    });
}
void depthwise_conv2d_backward_weight(benchmark::State& state) {
    filter f(state);
    bench::measure(state, f.work, bench::bytes(f.x, f.y), [&] {
        depthwise_conv2d_backward_weight(f.ctx, f.x, f.y, f.w.view(), store::set);
    });
}
void depthwise_conv2d_backward_bias(benchmark::State& state) {
    filter f(state);
    bench::measure(state, bench::operations(1, f.y), bench::bytes(f.y),
                   [&] { depthwise_conv2d_backward_bias(f.ctx, f.y, f.b.view(), store::set); });
}

void kernels(benchmark::internal::Benchmark* b) {
    b->ArgNames({"down", "across"})->Args({3, 3})->Args({1, 11})->Args({11, 1})->UseRealTime();
}
BENCHMARK(depthwise_conv2d_forward)->Apply(kernels);
BENCHMARK(depthwise_conv2d_backward_input)->Apply(kernels);
BENCHMARK(depthwise_conv2d_backward_weight)->Apply(kernels);
BENCHMARK(depthwise_conv2d_backward_bias)
    ->ArgNames({"down", "across"})
    ->Args({3, 3})
    ->UseRealTime();

} // namespace
