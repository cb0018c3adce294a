// What stage one minimises, level by level.
#include "support/op.hpp"

#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/global_average_pool.hpp>

namespace {

using namespace pfad;

template <class T>
void cosine_distance_loss_forward(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw<T>(ctx, bench::maps(state)), s = bench::draw<T>(ctx, t.dims(), 0, 1);
    const auto loss = empty<accumulator_t<T>>(ctx, shape<1>{{1}});
    bench::measure(ctx, state, bench::operations(6, s), bench::bytes(t, s),
                   [&] { cosine_distance_loss_forward<T>(ctx, t, s, loss.view()); });
}
// The product of the normalised vectors, then its means.
template <class T>
void cosine_distance_loss_forward_unfused(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw<T>(ctx, bench::maps(state)), s = bench::draw<T>(ctx, t.dims(), 0, 1);
    const auto product = empty<T>(ctx, t.dims());
    const auto mean = empty<T>(ctx, bench::maps(1, t.extent(3)));
    bench::measure(ctx, state, bench::operations(6, s), bench::bytes(t, s), [&] {
        cosine_similarity_map_forward(ctx, t, s, product.view(), 0);
        global_average_pool_forward(ctx, product, mean.view());
    });
}
template <class T>
void cosine_distance_loss_backward(benchmark::State& state) {
    bench::context ctx;
    const auto t = bench::draw<T>(ctx, bench::maps(state)), s = bench::draw<T>(ctx, t.dims(), 0, 1);
    const auto gloss = full(ctx, shape<1>{{1}}, accumulator_t<T>(1));
    const auto gs = empty<T>(ctx, s.dims());
    bench::measure(ctx, state, bench::operations(10, s), bench::bytes(t, s, gs),
                   [&] { cosine_distance_loss_backward(ctx, t, s, gloss, gs.view(), store::set); });
}
PFAD_BENCHMARK(cosine_distance_loss_forward, bench::levels);
PFAD_BENCHMARK(cosine_distance_loss_forward_unfused, bench::levels);
PFAD_BENCHMARK(cosine_distance_loss_backward, bench::levels);

} // namespace
