// PCAR describes its three branches in one pass.
#include "support/op.hpp"

#include <pfad/ops/spatial_pyramid_pool.hpp>

namespace {

using namespace pfad;

constexpr std::int64_t branches = 3;

struct pyramid {
    bench::context ctx;
    tensor<float, 4> x, y;

    explicit pyramid(const benchmark::State& state)
        : x(bench::draw(ctx, bench::maps(state.range(0), branches * state.range(1)))),
          y(bench::draw(ctx, shape<4>{{branches * bench::batch, 1, 1, 5 * state.range(1)}})) {}
};

void spatial_pyramid_pool_forward(benchmark::State& state) {
    pyramid p(state);
    bench::measure(state, bench::operations(1, p.x), bench::bytes(p.x, p.y),
                   [&] { spatial_pyramid_pool_forward(p.ctx, p.x, p.y.view()); });
}
// branch_mix has written to the same gradient before.
void spatial_pyramid_pool_backward(benchmark::State& state) {
    pyramid p(state);
    bench::measure(state, bench::operations(1, p.x), bench::bytes(p.x, p.y, p.x),
                   [&] { spatial_pyramid_pool_backward(p.ctx, p.y, p.x.view(), store::add); });
}
BENCHMARK(spatial_pyramid_pool_forward)->Apply(bench::stages);
BENCHMARK(spatial_pyramid_pool_backward)->Apply(bench::stages);

} // namespace
