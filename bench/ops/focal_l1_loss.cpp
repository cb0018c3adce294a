// What stage two minimises. Most time goes into a power, an exponential and a logarithm a pixel.
#include "support/op.hpp"

#include <pfad/ops/focal_l1_loss.hpp>

namespace {

using namespace pfad;

constexpr double focusing = 4;

void focal_l1_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw(ctx, bench::maps(64, 1), -4, 4).flat();
    const auto mask = bench::draw_mask(ctx, z.dims());
    const auto parts = empty<float>(ctx, shape<1>{{2}});
    bench::measure(state, bench::operations(6, z), bench::bytes(z, mask),
                   [&] { focal_l1_loss_forward(ctx, z, mask, focusing, parts.view()); });
}
void focal_l1_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw(ctx, bench::maps(64, 1), -4, 4).flat();
    const auto mask = bench::draw_mask(ctx, z.dims());
    const auto gloss = full(ctx, shape<1>{{1}}, 1.0f);
    const auto gz = empty<float>(ctx, z.dims());
    bench::measure(state, bench::operations(12, z), bench::bytes(z, mask, gz), [&] {
        focal_l1_loss_backward(ctx, z, mask, focusing, gloss, gz.view(), store::set);
    });
}
BENCHMARK(focal_l1_loss_forward)->UseRealTime();
BENCHMARK(focal_l1_loss_backward)->UseRealTime();

} // namespace
