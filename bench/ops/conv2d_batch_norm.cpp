// A convolution with the batch norm and the ReLU behind it, and both one after the other. On a GPU
// the convolution is a vendor's; here is what folds batch norm into its weights, once a step.
#include "support/op.hpp"

#include <pfad/ops/conv2d_batch_norm.hpp>

namespace {

using namespace pfad;

#if !defined(__CUDACC__)

template <class T>
struct normalised {
    static constexpr conv2d_geometry geometry = {1, 1, 1};
    bench::context ctx;
    bench::array<T, 4> x, w, y;
    bench::array<accumulator_t<T>, 1> one;
    weight_stamp stamp = weight_stamp::make(); // weights stay packed, as in inference

    explicit normalised(const benchmark::State& state)
        : x(bench::draw<T>(ctx, bench::maps(state))),
          w(bench::draw<T>(ctx, shape<4>{{x.extent(3), 3, 3, x.extent(3)}})),
          y(empty<T>(ctx, x.dims())),
          one(bench::draw<accumulator_t<T>>(ctx, shape<1>{{x.extent(3)}}, 0.5, 1.5)) {}

    [[nodiscard]] norm_view<T> norm() const { return {one, one, one, one, 1e-5, post::relu}; }
    [[nodiscard]] double operations() const {
        return bench::operations(18 * static_cast<double>(x.extent(3)) + 3, y);
    }
};

template <class T>
void conv2d_batch_norm_forward(benchmark::State& state) {
    normalised<T> m(state);
    bench::measure(m.ctx, state, m.operations(), bench::bytes(m.x, m.w, m.y), [&] {
        conv2d_batch_norm_forward(m.ctx, m.x, m.w, {}, m.y.view(), m.geometry, m.stamp, m.norm(),
                                  {});
    });
}
template <class T>
void conv2d_batch_norm_forward_unfused(benchmark::State& state) {
    normalised<T> m(state);
    bench::measure(m.ctx, state, m.operations(), bench::bytes(m.x, m.w, m.y), [&] {
        conv2d_forward(m.ctx, m.x, m.w, {}, m.y.view(), m.geometry, m.stamp);
        batch_norm_forward(m.ctx, m.y, m.norm(), {}, m.y.view());
    });
}
PFAD_BENCHMARK(conv2d_batch_norm_forward, bench::stages);
PFAD_BENCHMARK(conv2d_batch_norm_forward_unfused, bench::stages);

#else

template <class T>
void fold_batch_norm(benchmark::State& state) {
    bench::context ctx;
    const std::int64_t c = bench::maps(state)[3];
    const auto w = bench::draw<T>(ctx, shape<4>{{c, 3, 3, c}});
    const auto one = bench::draw<accumulator_t<T>>(ctx, shape<1>{{c}}, 0.5, 1.5);
    const norm_view<T> norm = {one, one, one, one, 1e-5, post::relu};
    const auto folded = empty<T>(ctx, w.dims());
    const auto offset = empty<T>(ctx, one.dims());
    bench::measure(ctx, state, bench::operations(1, w), bench::bytes(w, folded),
                   [&] { fold_batch_norm(ctx, w, {}, norm, folded.view(), offset.view()); });
}
PFAD_BENCHMARK(fold_batch_norm, bench::stages);

#endif

} // namespace
