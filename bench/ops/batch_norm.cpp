// With the ReLU that follows most of them. The stem has the largest map of all.
#include "support/op.hpp"

#include <pfad/ops/activation.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/batch_norm.hpp>

namespace {

using namespace pfad;

template <class T>
struct layer {
    bench::context ctx;
    bench::array<T, 4> x, y;
    bench::array<accumulator_t<T>, 1> weight, bias, mean, variance, running_mean, running_variance;

    explicit layer(const benchmark::State& state)
        : x(bench::draw<T>(ctx, bench::maps(state))), y(bench::draw<T>(ctx, x.dims())),
          weight(channels(0.5)), bias(channels(-0.5)), mean(channels(-0.5)),
          variance(channels(0.5)), running_mean(channels(-0.5)), running_variance(channels(0.5)) {}

    auto channels(double low) {
        return bench::draw<accumulator_t<T>>(ctx, shape<1>{{x.extent(3)}}, low, low + 1);
    }
    [[nodiscard]] norm_view<T> norm(post after = post::relu) const {
        return {weight, bias, mean, variance, batch_norm_options{}.epsilon, after};
    }
    void forward() { batch_norm_forward(ctx, x, norm(), {}, y.view()); }
};

template <class T>
void batch_norm_train_forward(benchmark::State& state) {
    layer<T> l(state);
    bench::measure(l.ctx, state, bench::operations(7, l.x), bench::bytes(l.x, l.x, l.y), [&] {
        batch_norm_statistics<T>(l.ctx, l.x, l.mean.view(), l.variance.view());
        batch_norm_update(l.ctx, l.mean, l.variance, l.x.size() / l.x.extent(3), 0.1,
                          l.running_mean.view(), l.running_variance.view());
        l.forward();
    });
}
template <class T>
void batch_norm_eval_forward(benchmark::State& state) {
    layer<T> l(state);
    bench::measure(l.ctx, state, bench::operations(3, l.x), bench::bytes(l.x, l.y),
                   [&] { l.forward(); });
}
// The end of a residual block: the branch joins the trunk in the same pass, or in two more.
template <class T>
void batch_norm_residual_forward(benchmark::State& state) {
    layer<T> l(state);
    const auto residual = bench::draw<T>(l.ctx, l.x.dims());
    bench::measure(l.ctx, state, bench::operations(4, l.x), bench::bytes(l.x, residual, l.y),
                   [&] { batch_norm_forward(l.ctx, l.x, l.norm(), residual, l.y.view()); });
}
template <class T>
void batch_norm_residual_forward_unfused(benchmark::State& state) {
    layer<T> l(state);
    const auto residual = bench::draw<T>(l.ctx, l.x.dims());
    const auto normal = empty<T>(l.ctx, l.x.dims()), sum = empty<T>(l.ctx, l.x.dims());
    bench::measure(l.ctx, state, bench::operations(4, l.x), bench::bytes(l.x, residual, l.y), [&] {
        batch_norm_forward(l.ctx, l.x, l.norm(post::none), {}, normal.view());
        add_forward(l.ctx, normal.flat(), residual.flat(), sum.flat().view());
        activation_forward(l.ctx, relu{}, sum.flat(), l.y.flat().view());
    });
}
template <class T>
void batch_norm_backward(benchmark::State& state) {
    layer<T> l(state);
    const auto gy = bench::draw<T>(l.ctx, l.x.dims());
    const auto gx = empty<T>(l.ctx, l.x.dims());
    const auto sums = empty<accumulator_t<T>>(l.ctx, shape<1>{{2 * l.x.extent(3)}});
    bench::measure(l.ctx, state, bench::operations(10, gy),
                   bench::bytes(l.x, l.y, gy, l.x, l.y, gy, gx), [&] {
                       batch_norm_backward_sums<T>(l.ctx, l.x, l.y, gy, l.norm(), sums.view());
                       batch_norm_backward_input(l.ctx, l.x, l.y, gy, l.norm(), sums, true,
                                                 {gx.view(), store::set}, {{}, store::set});
                   });
}
PFAD_BENCHMARK(batch_norm_train_forward, bench::all_stages);
PFAD_BENCHMARK(batch_norm_eval_forward, bench::all_stages);
PFAD_BENCHMARK(batch_norm_residual_forward, bench::stages);
PFAD_BENCHMARK(batch_norm_residual_forward_unfused, bench::stages);
PFAD_BENCHMARK(batch_norm_backward, bench::all_stages);

} // namespace
