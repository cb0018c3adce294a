// With the ReLU that follows most of them. The stem has the largest map of all.
#include "support/op.hpp"

#include <pfad/ops/batch_norm.hpp>

namespace {

using namespace pfad;

struct layer {
    bench::context ctx;
    tensor<float, 4> x, y;
    tensor<float, 1> weight, bias, mean, variance;
    const double epsilon = batch_norm_options{}.epsilon;

    explicit layer(const benchmark::State& state)
        : x(bench::draw(ctx, bench::maps(state))), y(bench::draw(ctx, x.dims())),
          weight(channels(0.5)), bias(channels(-0.5)), mean(channels(-0.5)),
          variance(channels(0.5)) {}

    tensor<float, 1> channels(double low) {
        return bench::draw(ctx, shape<1>{{x.extent(3)}}, low, low + 1);
    }
    void forward() {
        batch_norm_forward(ctx, x, weight, bias, mean, variance, epsilon, {}, tail::relu, y.view());
    }
};

void batch_norm_train_forward(benchmark::State& state) {
    layer l(state);
    bench::measure(state, bench::operations(7, l.x), bench::bytes(l.x, l.x, l.y), [&] {
        batch_norm_statistics(l.ctx, l.x, l.mean.view(), l.variance.view());
        l.forward();
    });
}
void batch_norm_eval_forward(benchmark::State& state) {
    layer l(state);
    bench::measure(state, bench::operations(3, l.x), bench::bytes(l.x, l.y), [&] { l.forward(); });
}
void batch_norm_backward(benchmark::State& state) {
    layer l(state);
    const auto gy = bench::draw(l.ctx, l.x.dims());
    const auto gx = empty<float>(l.ctx, l.x.dims());
    const auto sums = empty<float>(l.ctx, shape<1>{{2 * l.x.extent(3)}});
    bench::measure(state, bench::operations(10, gy), bench::bytes(l.x, l.y, gy, l.x, l.y, gy, gx),
                   [&] {
                       batch_norm_backward_sums(l.ctx, l.x, l.y, gy, l.mean, l.variance, l.epsilon,
                                                tail::relu, sums.view());
                       batch_norm_backward_input(l.ctx, l.x, l.y, gy, l.weight, l.mean, l.variance,
                                                 l.epsilon, tail::relu, sums, true, gx.view(),
                                                 store::set, {}, store::set);
                   });
}
BENCHMARK(batch_norm_train_forward)->Apply(bench::stages)->Args({128, 64});
BENCHMARK(batch_norm_eval_forward)->Apply(bench::stages)->Args({128, 64});
BENCHMARK(batch_norm_backward)->Apply(bench::stages)->Args({128, 64});

} // namespace
