// ASPP: a pooled vector, repeated over the map, and three atrous branches.
#include "support/op.hpp"

#include <pfad/ops/concat_channels.hpp>

namespace {

using namespace pfad;

constexpr std::int64_t side = 64, channels = 256, atrous = 3;

template <class T>
void concat_channels_forward(benchmark::State& state) {
    bench::context ctx;
    const auto mean = bench::draw<T>(ctx, bench::maps(1, channels));
    const auto x = bench::draw<T>(ctx, bench::maps(side, channels));
    const auto y = empty<T>(ctx, bench::maps(side, (1 + atrous) * channels));
    bench::measure(ctx, state, 0, bench::bytes(mean, x, x, x, y), [&] {
        concat_channels_forward(ctx, mean, y.view(), 0);
        for (std::int64_t k = 1; k <= atrous; ++k)
            concat_channels_forward(ctx, x, y.view(), k * channels);
    });
}
template <class T>
void concat_channels_backward(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw<T>(ctx, bench::maps(side, (1 + atrous) * channels));
    const auto gmean = empty<T>(ctx, bench::maps(1, channels));
    const auto gx = empty<T>(ctx, bench::maps(side, channels));
    bench::measure(ctx, state, bench::operations(1, gx), bench::bytes(gy, gx, gx, gx), [&] {
        concat_channels_backward(ctx, gy, gmean.view(), store::set, 0);
        for (std::int64_t k = 1; k <= atrous; ++k)
            concat_channels_backward(ctx, gy, gx.view(), store::set, k * channels);
    });
}
PFAD_BENCHMARK(concat_channels_forward, bench::once);
PFAD_BENCHMARK(concat_channels_backward, bench::once);

} // namespace
