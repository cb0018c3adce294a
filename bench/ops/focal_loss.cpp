#include "support/op.hpp"

#include <pfad/ops/focal_loss.hpp>

namespace {

using namespace pfad;

constexpr double focusing = 4;

void focal_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask(ctx, p.dims());
    const auto loss = empty<float>(ctx, shape<1>{{1}});
    bench::measure(state, bench::operations(8, p), bench::bytes(p, mask),
                   [&] { focal_loss_forward(ctx, p, mask, focusing, loss.view()); });
}
void focal_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask(ctx, p.dims());
    const auto gloss = full(ctx, shape<1>{{1}}, 1.0f);
    const auto gp = empty<float>(ctx, p.dims());
    bench::measure(state, bench::operations(14, p), bench::bytes(p, mask, gp), [&] {
        focal_loss_backward(ctx, p, mask, focusing, gloss, gp.view(), store::set);
    });
}
BENCHMARK(focal_loss_forward)->UseRealTime();
BENCHMARK(focal_loss_backward)->UseRealTime();

} // namespace
