// The end of RCM.
#include "support/op.hpp"

#include <pfad/ops/add.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/layer_scale_add.hpp>
#include <pfad/ops/multiply.hpp>

namespace {

using namespace pfad;

template <class T>
void layer_scale_add_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(64, 256)), z = bench::draw<T>(ctx, x.dims());
    const auto scale = bench::draw<accumulator_t<T>>(ctx, shape<1>{{256}});
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(2, y), bench::bytes(x, z, y),
                   [&] { layer_scale_add_forward(ctx, x, z, scale, y.view()); });
}
// An op for each step: repeat, product, sum.
template <class T>
void layer_scale_add_forward_unfused(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(64, 256)), z = bench::draw<T>(ctx, x.dims());
    const auto scale = bench::draw<T>(ctx, bench::maps(1, 256));
    const auto a = empty<T>(ctx, x.dims()), b = empty<T>(ctx, x.dims());
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(2, y), bench::bytes(x, z, y), [&] {
        concat_channels_forward(ctx, scale, a.view(), 0);
        multiply_forward(ctx, a.flat(), z.flat(), b.flat().view(), store::set);
        add_forward(ctx, x.flat(), b.flat(), y.flat().view());
    });
}
template <class T>
void layer_scale_add_backward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw<T>(ctx, bench::maps(64, 256)), gy = bench::draw<T>(ctx, z.dims());
    const auto scale = bench::draw<accumulator_t<T>>(ctx, shape<1>{{256}});
    const auto gz = empty<T>(ctx, z.dims());
    const auto gscale = empty<accumulator_t<T>>(ctx, scale.dims());
    bench::measure(ctx, state, bench::operations(3, gy), bench::bytes(gy, gz, gy, z), [&] {
        layer_scale_add_backward_input(ctx, gy, scale, gz.view(), store::set);
        layer_scale_add_backward_scale<T>(ctx, z, gy, gscale.view(), store::set);
    });
}
PFAD_BENCHMARK(layer_scale_add_forward, bench::once);
PFAD_BENCHMARK(layer_scale_add_forward_unfused, bench::once);
PFAD_BENCHMARK(layer_scale_add_backward, bench::once);

} // namespace
