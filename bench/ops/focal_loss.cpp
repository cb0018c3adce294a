#include "support/op.hpp"

#include <pfad/ops/focal_loss.hpp>

namespace {

using namespace pfad;

template <class T>
void focal_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw<T>(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask<T>(ctx, p.dims());
    const auto loss = empty<accumulator_t<T>>(ctx, shape<1>{{1}});
    bench::measure(ctx, state, bench::operations(8, p), bench::bytes(p, mask),
                   [&] { focal_loss_forward<T>(ctx, p, mask, bench::focusing, loss.view()); });
}
template <class T>
void focal_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto p = bench::draw<T>(ctx, bench::maps(64, 1), 0, 1).flat();
    const auto mask = bench::draw_mask<T>(ctx, p.dims());
    const auto gloss = full(ctx, shape<1>{{1}}, accumulator_t<T>(1));
    const auto gp = empty<T>(ctx, p.dims());
    bench::measure(ctx, state, bench::operations(14, p), bench::bytes(p, mask, gp), [&] {
        focal_loss_backward(ctx, p, mask, bench::focusing, gloss, gp.view(), store::set);
    });
}
PFAD_BENCHMARK(focal_loss_forward, bench::once);
PFAD_BENCHMARK(focal_loss_backward, bench::once);

} // namespace
