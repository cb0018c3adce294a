// Behind the first 1x1 convolution of a branch that looks at one vector a picture, and over whole maps.
#include "support/op.hpp"

#include <pfad/ops/layer_norm.hpp>

namespace {

using namespace pfad;

template <class T>
void layer_norm_forward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(state));
    const std::int64_t c = x.extent(3), positions = x.size() / c;
    const auto weight = bench::draw<accumulator_t<T>>(ctx, shape<1>{{c}});
    const auto statistics = empty<accumulator_t<T>>(ctx, shape<2>{{positions, 2}});
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(7, y), bench::bytes(x, y), [&] {
        layer_norm_forward(ctx, x, weight, weight, layer_norm_epsilon, statistics.view(), y.view());
    });
}
PFAD_BENCHMARK(layer_norm_forward, bench::segmentation);

template <class T>
void layer_norm_backward(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(state)), gy = bench::draw<T>(ctx, x.dims());
    const std::int64_t c = x.extent(3), positions = x.size() / c;
    const auto weight = bench::draw<accumulator_t<T>>(ctx, shape<1>{{c}});
    const auto statistics = bench::draw<accumulator_t<T>>(ctx, shape<2>{{positions, 2}});
    const auto gx = empty<T>(ctx, x.dims());
    const auto sums = empty<accumulator_t<T>>(ctx, shape<1>{{2 * c}});
    bench::measure(ctx, state, bench::operations(18, gx), bench::bytes(x, gy, gx, x, gy), [&] {
        layer_norm_backward_sums<T>(ctx, x, gy, statistics, sums.view());
        layer_norm_backward_input(ctx, x, gy, weight, statistics, gx.view(), store::set);
    });
}
PFAD_BENCHMARK(layer_norm_backward, bench::segmentation);

} // namespace
