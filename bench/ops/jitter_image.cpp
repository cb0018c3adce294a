// The good pictures of a training batch.
#include "support/op.hpp"

#include <pfad/ops/jitter_image.hpp>

namespace {

using namespace pfad;

template <class T>
void jitter_image(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::draw<T>(ctx, bench::maps(256, 3), 0, 1);
    const auto y = empty<T>(ctx, x.dims());
    const auto draws = bench::make<jitter_draw>(ctx, shape<1>{{bench::batch}}, [] {
        return jitter_draw{1.1f, 0.9f, 0.02f, -0.02f, 1.03f};
    });
    bench::measure(ctx, state, bench::operations(12, y), bench::bytes(x, y),
                   [&] { jitter_image_forward(ctx, x, draws, y.view()); });
}
PFAD_BENCHMARK(jitter_image, bench::once);

} // namespace
