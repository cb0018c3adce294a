// What stage one minimises, level by level.
#include "support/op.hpp"

#include <pfad/ops/cosine_distance_loss.hpp>

namespace {

using namespace pfad;

void cosine_distance_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw(ctx, bench::maps(state)), s = bench::draw(ctx, t.dims(), 0, 1);
    const auto loss = empty<float>(ctx, shape<1>{{1}});
    bench::measure(state, bench::operations(6, s), bench::bytes(t, s),
                   [&] { cosine_distance_loss_forward(ctx, t, s, loss.view()); });
}
void cosine_distance_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw(ctx, bench::maps(state)), s = bench::draw(ctx, t.dims(), 0, 1);
    const auto gloss = full(ctx, shape<1>{{1}}, 1.0f);
    const auto gs = empty<float>(ctx, s.dims());
    bench::measure(state, bench::operations(10, s), bench::bytes(t, s, gs),
                   [&] { cosine_distance_loss_backward(ctx, t, s, gloss, gs.view(), store::set); });
}
BENCHMARK(cosine_distance_loss_forward)->Apply(bench::levels);
BENCHMARK(cosine_distance_loss_backward)->Apply(bench::levels);

} // namespace
