#include "support/op.hpp"

#include <pfad/ops/l1_loss.hpp>

namespace {

using namespace pfad;

void l1_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask(ctx, p.dims());
    const auto loss = empty<float>(ctx, shape<1>{{1}});
    bench::measure(state, bench::operations(3, p), bench::bytes(p, mask),
                   [&] { l1_loss_forward(ctx, p, mask, loss.view()); });
}
void l1_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask(ctx, p.dims());
    const auto gloss = full(ctx, shape<1>{{1}}, 1.0f);
    const auto gp = empty<float>(ctx, p.dims());
    bench::measure(state, bench::operations(2, p), bench::bytes(p, mask, gp),
                   [&] { l1_loss_backward(ctx, p, mask, gloss, gp.view(), store::set); });
}
BENCHMARK(l1_loss_forward)->UseRealTime();
BENCHMARK(l1_loss_backward)->UseRealTime();

} // namespace
