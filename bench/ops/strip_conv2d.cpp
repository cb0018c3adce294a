// RCM's strip convolution of the means of rows and columns.
#include "support/op.hpp"

#include <pfad/ops/depthwise_conv2d.hpp>
#include <pfad/ops/strip_conv2d.hpp>

namespace {

using namespace pfad;

template <class T>
struct strips {
    using A = accumulator_t<T>;
    bench::context ctx;
    bench::array<T, 4> x, y, v;
    bench::array<A, 4> gv;
    bench::array<A, 1> b, gb;
    bench::array<A, 3> r, q;
    bench::array<A, 2> s;

    strips()
        : x(bench::draw<T>(ctx, bench::maps(64, 256))), y(bench::draw<T>(ctx, x.dims())),
          v(bench::draw<T>(ctx, shape<4>{{1, 1, 11, 256}})), gv(empty<A>(ctx, v.dims())),
          b(bench::draw<A>(ctx, shape<1>{{256}})), gb(empty<A>(ctx, b.dims())),
          r(bench::draw<A>(ctx, shape<3>{{bench::batch, 64, 256}})),
          q(bench::draw<A>(ctx, r.dims())), s(bench::draw<A>(ctx, shape<2>{{64, 256}})) {}

    /// The means of `from` expanded: one tap of 1.
    void expand(const bench::array<T, 4>& from, const bench::array<T, 4>& to) {
        strip_means_forward<T>(ctx, from, r.view(), q.view());
        strip_conv2d_forward(ctx, r, q, one, view<A, 1>{}, s.view(), to.view());
    }

private:
    bench::array<T, 4> one = bench::make<T>(ctx, shape<4>{{1, 1, 1, 256}}, [] { return 1.0f; });
};

template <class T>
void strip_conv2d_forward(benchmark::State& state) {
    strips<T> f;
    bench::measure(f.ctx, state, bench::operations(4, f.y), bench::bytes(f.x, f.y), [&] {
        strip_means_forward<T>(f.ctx, f.x, f.r.view(), f.q.view());
        strip_conv2d_forward(f.ctx, f.r, f.q, f.v, f.b, f.s.view(), f.y.view());
    });
}
// The expanded means, then the convolution.
template <class T>
void strip_conv2d_forward_unfused(benchmark::State& state) {
    strips<T> f;
    const auto means = empty<T>(f.ctx, f.x.dims());
    bench::measure(f.ctx, state, bench::operations(4, f.y), bench::bytes(f.x, f.y), [&] {
        f.expand(f.x, means);
        depthwise_conv2d_forward(f.ctx, means, f.v, f.b, f.y.view());
    });
}
template <class T>
void strip_conv2d_backward(benchmark::State& state) {
    using A = accumulator_t<T>;
    strips<T> f;
    const auto along = empty<A>(f.ctx, f.r.dims());
    const auto across = empty<A>(f.ctx, shape<4>{{2, bench::batch, 64, 256}});
    bench::measure(f.ctx, state, bench::operations(6, f.y), bench::bytes(f.y, f.x), [&] {
        strip_conv2d_backward_sums<T>(f.ctx, f.y, f.r, f.s, along.view(), across.view());
        strip_conv2d_backward_bias<T>(f.ctx, across, f.gb.view(), store::set);
        strip_conv2d_backward_weight<T>(f.ctx, across, f.q, f.gv.view(), store::set);
        strip_conv2d_backward_input<T>(f.ctx, along, across, f.v, f.x.view(), store::set);
    });
}
template <class T>
void strip_conv2d_backward_unfused(benchmark::State& state) {
    strips<T> f;
    const auto means = bench::draw<T>(f.ctx, f.x.dims()), gmeans = empty<T>(f.ctx, f.x.dims());
    bench::measure(f.ctx, state, bench::operations(6, f.y), bench::bytes(f.y, f.x), [&] {
        depthwise_conv2d_backward_bias<T>(f.ctx, f.y, f.gb.view(), store::set);
        depthwise_conv2d_backward_weight<T>(f.ctx, means, f.y, f.gv.view(), store::set);
        depthwise_conv2d_backward_input(f.ctx, f.y, f.v, gmeans.view(), store::set);
        f.expand(gmeans, f.x);
    });
}
PFAD_BENCHMARK(strip_conv2d_forward, bench::once);
PFAD_BENCHMARK(strip_conv2d_forward_unfused, bench::once);
PFAD_BENCHMARK(strip_conv2d_backward, bench::once);
PFAD_BENCHMARK(strip_conv2d_backward_unfused, bench::once);

} // namespace
