// RCM's three filters.
#include "support/op.hpp"

#include <pfad/ops/depthwise_conv2d.hpp>

namespace {

using namespace pfad;

template <class T>
struct filter {
    bench::context ctx;
    bench::array<T, 4> x, y, w;
    bench::array<accumulator_t<T>, 4> gw;
    bench::array<accumulator_t<T>, 1> b;
    double work;

    explicit filter(const benchmark::State& state)
        : x(bench::draw<T>(ctx, bench::maps(64, 256))), y(bench::draw<T>(ctx, x.dims())),
          w(bench::draw<T>(ctx, shape<4>{{1, state.range(0), state.range(1), 256}})),
          gw(empty<accumulator_t<T>>(ctx, w.dims())),
          b(bench::draw<accumulator_t<T>>(ctx, shape<1>{{256}})),
          work(bench::operations(2.0 * static_cast<double>(state.range(0) * state.range(1)), y)) {}
};

template <class T>
void depthwise_conv2d_forward(benchmark::State& state) {
    filter<T> f(state);
    bench::measure(f.ctx, state, f.work, bench::bytes(f.x, f.y),
                   [&] { depthwise_conv2d_forward(f.ctx, f.x, f.w, f.b, f.y.view()); });
}
template <class T>
void depthwise_conv2d_backward_input(benchmark::State& state) {
    filter<T> f(state);
    bench::measure(f.ctx, state, f.work, bench::bytes(f.x, f.y), [&] {
        depthwise_conv2d_backward_input(f.ctx, f.y, f.w, f.x.view(), store::set);
    });
}
template <class T>
void depthwise_conv2d_backward_weight(benchmark::State& state) {
    filter<T> f(state);
    bench::measure(f.ctx, state, f.work, bench::bytes(f.x, f.y), [&] {
        depthwise_conv2d_backward_weight<T>(f.ctx, f.x, f.y, f.gw.view(), store::set);
    });
}
template <class T>
void depthwise_conv2d_backward_bias(benchmark::State& state) {
    filter<T> f(state);
    bench::measure(f.ctx, state, bench::operations(1, f.y), bench::bytes(f.y),
                   [&] { depthwise_conv2d_backward_bias<T>(f.ctx, f.y, f.b.view(), store::set); });
}

void square(benchmark::internal::Benchmark* b) {
    b->ArgNames({"down", "across"})->Args({3, 3});
}
void filters(benchmark::internal::Benchmark* b) {
    square(b);
    b->Args({1, 11})->Args({11, 1});
}
PFAD_BENCHMARK(depthwise_conv2d_forward, filters);
PFAD_BENCHMARK(depthwise_conv2d_backward_input, filters);
PFAD_BENCHMARK(depthwise_conv2d_backward_weight, filters);
PFAD_BENCHMARK(depthwise_conv2d_backward_bias, square);

} // namespace
