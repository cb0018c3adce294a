// The stem's.
#include "support/op.hpp"

#include <pfad/ops/max_pool2d.hpp>

namespace {

using namespace pfad;

constexpr pool2d_geometry geometry = {3, 2, 1};

struct stem {
    bench::context ctx;
    tensor<float, 4> x = bench::draw(ctx, bench::maps(128, 64));
    tensor<float, 4> y = bench::draw(ctx, bench::maps(64, 64));
    tensor<std::uint8_t, 4> taps = empty<std::uint8_t>(ctx, y.dims());

    stem() { max_pool2d_forward(ctx, x, y.view(), taps.view(), geometry); }
};

// Evaluation keeps no taps.
void max_pool2d_eval_forward(benchmark::State& state) {
    stem s;
    bench::measure(state, bench::operations(9, s.y), bench::bytes(s.x, s.y), [&] {
        max_pool2d_forward(s.ctx, s.x, s.y.view(), view<std::uint8_t, 4>{}, geometry);
    });
}
void max_pool2d_forward(benchmark::State& state) {
    stem s;
    bench::measure(state, bench::operations(9, s.y), bench::bytes(s.x, s.y, s.taps),
                   [&] { max_pool2d_forward(s.ctx, s.x, s.y.view(), s.taps.view(), geometry); });
}
void max_pool2d_backward(benchmark::State& state) {
    stem s;
    bench::measure(state, bench::operations(1, s.y), bench::bytes(s.y, s.taps, s.x), [&] {
        max_pool2d_backward(s.ctx, s.y, s.taps, s.x.view(), store::set, geometry);
    });
}
BENCHMARK(max_pool2d_eval_forward)->UseRealTime();
BENCHMARK(max_pool2d_forward)->UseRealTime();
BENCHMARK(max_pool2d_backward)->UseRealTime();

} // namespace
