// A batch of pictures as the loader and as a camera have them.
#include "support/op.hpp"

#include <pfad/ops/normalise_image.hpp>

namespace {

using namespace pfad;

template <class Pixel, class T>
void normalised(benchmark::State& state) {
    bench::context ctx;
    const auto x = bench::make<Pixel>(ctx, bench::maps(256, 3), [] { return 1.0f; });
    const auto y = empty<T>(ctx, x.dims());
    bench::measure(ctx, state, bench::operations(2, y), bench::bytes(x, y),
                   [&] { normalise_image_forward(ctx, x.view(), y.view(), imagenet_statistics); });
}
template <class T>
void normalise_image(benchmark::State& state) {
    normalised<T, T>(state);
}
template <class T>
void normalise_image_of_bytes(benchmark::State& state) {
    normalised<std::uint8_t, T>(state);
}
PFAD_BENCHMARK(normalise_image, bench::once);
PFAD_BENCHMARK(normalise_image_of_bytes, bench::once);

} // namespace
