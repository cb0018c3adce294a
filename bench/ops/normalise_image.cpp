// A batch of pictures as the loader and as a camera have them.
#include "support/op.hpp"

#include <pfad/ops/normalise_image.hpp>

namespace {

using namespace pfad;

template <class Pixel>
void normalise_image(benchmark::State& state) {
    bench::context ctx;
    const auto x = full(ctx, bench::maps(256, 3), Pixel(1));
    const auto y = empty<float>(ctx, x.dims());
    bench::measure(state, bench::operations(2, y), bench::bytes(x, y),
                   [&] { normalise_image_forward(ctx, x.view(), y.view(), imagenet_statistics); });
}
BENCHMARK_TEMPLATE(normalise_image, float)->UseRealTime();
BENCHMARK_TEMPLATE(normalise_image, std::uint8_t)->UseRealTime();

} // namespace
