// PCAR describes its three branches in one pass.
#include "support/op.hpp"

#include <pfad/ops/spatial_pyramid_pool.hpp>

namespace {

using namespace pfad;

template <class T>
struct pyramid {
    bench::context ctx;
    bench::array<T, 4> x, y;

    explicit pyramid(const benchmark::State& state)
        : x(bench::draw<T>(ctx, bench::maps(state.range(0), bench::branches * state.range(1)))),
          y(bench::draw<T>(ctx,
                           shape<4>{{bench::branches * bench::batch, 1, 1, 5 * state.range(1)}})) {}
};

template <class T>
void spatial_pyramid_pool_forward(benchmark::State& state) {
    pyramid<T> p(state);
    bench::measure(p.ctx, state, bench::operations(1, p.x), bench::bytes(p.x, p.y),
                   [&] { spatial_pyramid_pool_forward(p.ctx, p.x, p.y.view()); });
}
// branch_mix has written to the same gradient before.
template <class T>
void spatial_pyramid_pool_backward(benchmark::State& state) {
    pyramid<T> p(state);
    bench::measure(p.ctx, state, bench::operations(1, p.x), bench::bytes(p.x, p.y, p.x),
                   [&] { spatial_pyramid_pool_backward(p.ctx, p.y, p.x.view(), store::add); });
}
PFAD_BENCHMARK(spatial_pyramid_pool_forward, bench::stages);
PFAD_BENCHMARK(spatial_pyramid_pool_backward, bench::stages);

} // namespace
