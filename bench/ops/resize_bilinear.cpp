// The student's decoder doubles its maps; the anomaly map grows to the picture.
#include "support/op.hpp"

#include <pfad/ops/resize_bilinear.hpp>

namespace {

using namespace pfad;

template <class T>
struct sizes {
    bench::context ctx;
    bench::array<T, 4> small, large;

    explicit sizes(const benchmark::State& state)
        : small(bench::draw<T>(ctx, bench::maps(state.range(0), state.range(2)))),
          large(bench::draw<T>(ctx, bench::maps(state.range(1), state.range(2)))) {}
};

template <class T>
void resize_bilinear_forward(benchmark::State& state) {
    sizes<T> s(state);
    bench::measure(s.ctx, state, bench::operations(6, s.large), bench::bytes(s.small, s.large),
                   [&] { resize_bilinear_forward(s.ctx, s.small, s.large.view()); });
}
template <class T>
void resize_bilinear_backward(benchmark::State& state) {
    sizes<T> s(state);
    bench::measure(s.ctx, state, bench::operations(6, s.large), bench::bytes(s.small, s.large),
                   [&] { resize_bilinear_backward(s.ctx, s.large, s.small.view(), store::set); });
}

void decoder(benchmark::internal::Benchmark* b) {
    b->ArgNames({"from", "to", "channels"});
    b->Args({8, 16, 512})->Args({16, 32, 256})->Args({32, 64, 128});
}
void decoder_and_map(benchmark::internal::Benchmark* b) {
    decoder(b);
    b->Args({64, 256, 1});
}
PFAD_BENCHMARK(resize_bilinear_forward, decoder_and_map);
PFAD_BENCHMARK(resize_bilinear_backward, decoder);

} // namespace
