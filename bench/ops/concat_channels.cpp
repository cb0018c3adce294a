// ASPP: a pooled vector, repeated over the map, and three atrous branches.
#include "support/op.hpp"

#include <pfad/ops/concat_channels.hpp>

namespace {

using namespace pfad;

constexpr std::int64_t side = 64, channels = 256, branches = 3;

void concat_channels_forward(benchmark::State& state) {
    bench::context ctx;
    const auto mean = bench::draw(ctx, bench::maps(1, channels));
    const auto x = bench::draw(ctx, bench::maps(side, channels));
    const auto y = empty<float>(ctx, bench::maps(side, (1 + branches) * channels));
    bench::measure(state, 0, bench::bytes(mean, x, x, x, y), [&] {
        concat_channels_forward(ctx, mean, y.view(), 0);
        for (std::int64_t k = 1; k <= branches; ++k)
            concat_channels_forward(ctx, x, y.view(), k * channels);
    });
}
void concat_channels_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw(ctx, bench::maps(side, (1 + branches) * channels));
    const auto gmean = empty<float>(ctx, bench::maps(1, channels));
    const auto gx = empty<float>(ctx, bench::maps(side, channels));
    bench::measure(state, bench::operations(1, gx), bench::bytes(gy, gx, gx, gx), [&] {
        concat_channels_backward(ctx, gy, gmean.view(), store::set, 0);
        for (std::int64_t k = 1; k <= branches; ++k)
            concat_channels_backward(ctx, gy, gx.view(), store::set, k * channels);
    });
}
BENCHMARK(concat_channels_forward)->UseRealTime();
BENCHMARK(concat_channels_backward)->UseRealTime();

} // namespace
