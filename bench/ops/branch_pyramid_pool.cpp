// PCAR describes its branches without them: what stands around the product with their kernels.
#include "support/op.hpp"

#include <pfad/ops/branch_pyramid_pool.hpp>

namespace {

using namespace pfad;

template <class T>
struct taps {
    bench::context ctx;
    bench::array<T, 4> x, means, bins, y;

    explicit taps(const benchmark::State& state)
        : x(bench::draw<T>(ctx, bench::maps(state))),
          means(bench::draw<T>(ctx, shape<4>{{1, 1, 5 * bench::batch, 9 * state.range(1)}})),
          bins(bench::draw<T>(
              ctx, shape<4>{{1, 1, 5 * bench::batch, bench::branches * state.range(1)}})),
          y(bench::draw<T>(ctx,
                           shape<4>{{bench::branches * bench::batch, 1, 1, 5 * state.range(1)}})) {}
};

template <class T>
void tap_means_forward(benchmark::State& state) {
    taps<T> p(state);
    bench::measure(p.ctx, state, bench::operations(1, p.x), bench::bytes(p.x, p.means),
                   [&] { tap_means_forward(p.ctx, p.x, p.means.view()); });
}
// branch_conv2d has written to the same gradient before.
template <class T>
void tap_means_backward(benchmark::State& state) {
    taps<T> p(state);
    bench::measure(p.ctx, state, bench::operations(1, p.x), bench::bytes(p.x, p.means, p.x),
                   [&] { tap_means_backward(p.ctx, p.means, p.x.view(), store::add); });
}
template <class T>
void bins_to_branches_forward(benchmark::State& state) {
    taps<T> p(state);
    bench::measure(p.ctx, state, 0, bench::bytes(p.bins, p.y),
                   [&] { bins_to_branches_forward(p.ctx, p.bins, p.y.view()); });
}
template <class T>
void bins_to_branches_backward(benchmark::State& state) {
    taps<T> p(state);
    bench::measure(p.ctx, state, 0, bench::bytes(p.bins, p.y),
                   [&] { bins_to_branches_backward(p.ctx, p.y, p.bins.view()); });
}
PFAD_BENCHMARK(tap_means_forward, bench::stages);
PFAD_BENCHMARK(tap_means_backward, bench::stages);
PFAD_BENCHMARK(bins_to_branches_forward, bench::stages);
PFAD_BENCHMARK(bins_to_branches_backward, bench::stages);

} // namespace
