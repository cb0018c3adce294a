// The stem's.
#include "support/op.hpp"

#include <pfad/ops/max_pool2d.hpp>

namespace {

using namespace pfad;

constexpr pool2d_geometry geometry = {3, 2, 1};

template <class T>
struct stem {
    bench::context ctx;
    bench::array<T, 4> x = bench::draw<T>(ctx, bench::maps(128, 64));
    bench::array<T, 4> y = bench::draw<T>(ctx, bench::maps(64, 64));
    bench::array<std::uint8_t, 4> taps = empty<std::uint8_t>(ctx, y.dims());

    stem() { max_pool2d_forward(ctx, x, y.view(), taps.view(), geometry); }
};

// Evaluation keeps no taps.
template <class T>
void max_pool2d_eval_forward(benchmark::State& state) {
    stem<T> s;
    bench::measure(s.ctx, state, bench::operations(9, s.y), bench::bytes(s.x, s.y), [&] {
        max_pool2d_forward(s.ctx, s.x, s.y.view(), view<std::uint8_t, 4>{}, geometry);
    });
}
template <class T>
void max_pool2d_forward(benchmark::State& state) {
    stem<T> s;
    bench::measure(s.ctx, state, bench::operations(9, s.y), bench::bytes(s.x, s.y, s.taps),
                   [&] { max_pool2d_forward(s.ctx, s.x, s.y.view(), s.taps.view(), geometry); });
}
template <class T>
void max_pool2d_backward(benchmark::State& state) {
    stem<T> s;
    bench::measure(s.ctx, state, bench::operations(1, s.y), bench::bytes(s.y, s.taps, s.x), [&] {
        max_pool2d_backward(s.ctx, s.y, s.taps, s.x.view(), store::set, geometry);
    });
}
PFAD_BENCHMARK(max_pool2d_eval_forward, bench::once);
PFAD_BENCHMARK(max_pool2d_forward, bench::once);
PFAD_BENCHMARK(max_pool2d_backward, bench::once);

} // namespace
