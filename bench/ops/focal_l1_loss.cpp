// What stage two minimises. Most time goes into a power, an exponential and a logarithm a pixel.
#include "support/op.hpp"

#include <pfad/ops/activation.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/ops/focal_loss.hpp>
#include <pfad/ops/l1_loss.hpp>

namespace {

using namespace pfad;

template <class T>
void focal_l1_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw<T>(ctx, bench::maps(64, 1), -4, 4).flat();
    const auto mask = bench::draw_mask<T>(ctx, z.dims());
    const auto parts = empty<accumulator_t<T>>(ctx, shape<1>{{2}});
    bench::measure(ctx, state, bench::operations(6, z), bench::bytes(z, mask),
                   [&] { focal_l1_loss_forward<T>(ctx, z, mask, bench::focusing, parts.view()); });
}
// A sigmoid, then each loss from the probability.
template <class T>
void focal_l1_loss_forward_unfused(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw<T>(ctx, bench::maps(64, 1), -4, 4).flat();
    const auto mask = bench::draw_mask<T>(ctx, z.dims());
    const auto p = empty<T>(ctx, z.dims());
    const auto focal = empty<accumulator_t<T>>(ctx, shape<1>{{1}}),
               l1 = empty<accumulator_t<T>>(ctx, shape<1>{{1}});
    bench::measure(ctx, state, bench::operations(6, z), bench::bytes(z, mask), [&] {
        activation_forward(ctx, sigmoid{}, z, p.view());
        focal_loss_forward<T>(ctx, p, mask, bench::focusing, focal.view());
        l1_loss_forward<T>(ctx, p, mask, l1.view());
    });
}
template <class T>
void focal_l1_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto z = bench::draw<T>(ctx, bench::maps(64, 1), -4, 4).flat();
    const auto mask = bench::draw_mask<T>(ctx, z.dims());
    const auto gloss = full(ctx, shape<1>{{1}}, accumulator_t<T>(1));
    const auto gz = empty<T>(ctx, z.dims());
    bench::measure(ctx, state, bench::operations(12, z), bench::bytes(z, mask, gz), [&] {
        focal_l1_loss_backward(ctx, z, mask, bench::focusing, gloss, gz.view(), store::set);
    });
}
PFAD_BENCHMARK(focal_l1_loss_forward, bench::once);
PFAD_BENCHMARK(focal_l1_loss_forward_unfused, bench::once);
PFAD_BENCHMARK(focal_l1_loss_backward, bench::once);

} // namespace
