// The end of RCM.
#include "support/op.hpp"

#include <pfad/ops/layer_scale_add.hpp>

namespace {

using namespace pfad;

void layer_scale_add_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw(ctx, bench::maps(64, 256)), z = bench::draw(ctx, x.dims());
    const auto scale = bench::draw(ctx, shape<1>{{256}});
    const auto y = empty<float>(ctx, x.dims());
    bench::measure(state, bench::operations(2, y), bench::bytes(x, z, y),
                   [&] { layer_scale_add_forward(ctx, x, z, scale, y.view()); });
}
void layer_scale_add_backward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw(ctx, bench::maps(64, 256)), gy = bench::draw(ctx, z.dims());
    const auto scale = bench::draw(ctx, shape<1>{{256}});
    const auto gz = empty<float>(ctx, z.dims());
    const auto gscale = empty<float>(ctx, scale.dims());
    bench::measure(state, bench::operations(3, gy), bench::bytes(gy, gz, gy, z), [&] {
        layer_scale_add_backward_input(ctx, gy, scale, gz.view(), store::set);
        layer_scale_add_backward_scale(ctx, z, gy, gscale.view(), store::set);
    });
}
BENCHMARK(layer_scale_add_forward)->UseRealTime();
BENCHMARK(layer_scale_add_backward)->UseRealTime();

} // namespace
