#include "support/op.hpp"

#include <pfad/ops/activation.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/attention_fuse.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/multiply.hpp>

namespace {

using namespace pfad;

template <class T>
struct features {
    bench::context ctx;
    shape<4> dims;
    bench::array<T, 4> x = bench::draw<T>(ctx, dims), r = bench::draw<T>(ctx, dims);
    bench::array<T, 4> local = bench::draw<T>(ctx, dims);
    bench::array<T, 4> global = bench::draw<T>(ctx, shape<4>{{dims[0], 1, 1, dims[3]}});
    bench::array<T, 4> w = bench::draw<T>(ctx, dims, 0, 1), y = bench::draw<T>(ctx, dims, 0, 1);

    explicit features(const benchmark::State& state) : dims(bench::maps(state)) {}
};

template <class T>
void attention_fuse_forward(benchmark::State& state) {
    features<T> f(state);
    bench::measure(f.ctx, state, bench::operations(8, f.y),
                   bench::bytes(f.x, f.r, f.local, f.w, f.y), [&] {
                       attention_fuse_forward(f.ctx, f.x, f.r, f.local, f.global, post::relu,
                                              f.w.view(), f.y.view());
                   });
}
// An op for each step: repeat, sum, sigmoid, two products, two sums, ReLU.
template <class T>
void attention_fuse_forward_unfused(benchmark::State& state) {
    features<T> f(state);
    const auto a = empty<T>(f.ctx, f.dims), b = empty<T>(f.ctx, f.dims);
    bench::measure(f.ctx, state, bench::operations(8, f.y),
                   bench::bytes(f.x, f.r, f.local, f.w, f.y), [&] {
                       concat_channels_forward(f.ctx, f.global, a.view(), 0);
                       add_forward(f.ctx, f.local.flat(), a.flat(), b.flat().view());
                       activation_forward(f.ctx, sigmoid{}, b.flat(), f.w.flat().view());
                       multiply_forward(f.ctx, f.x.flat(), f.w.flat(), a.flat().view(), store::set);
                       multiply_forward(f.ctx, f.r.flat(), f.w.flat(), b.flat().view(), store::set);
                       add_forward(f.ctx, a.flat(), b.flat(), a.flat().view());
                       add_forward(f.ctx, a.flat(), f.r.flat(), b.flat().view());
                       activation_forward(f.ctx, relu{}, b.flat(), f.y.flat().view());
                   });
}
template <class T>
void attention_fuse_backward(benchmark::State& state) {
    features<T> f(state);
    const auto gy = bench::draw<T>(f.ctx, f.dims);
    const auto gx = empty<T>(f.ctx, f.dims), gr = empty<T>(f.ctx, f.dims);
    const auto glocal = empty<T>(f.ctx, f.dims);
    const auto gglobal = empty<T>(f.ctx, f.global.dims());
    const auto to = [](const bench::array<T, 4>& g) {
        return gradient_target<T, 4>{g.view(), store::set};
    };
    bench::measure(f.ctx, state, bench::operations(10, gy),
                   bench::bytes(f.x, f.r, f.w, f.y, gy, gx, gr, glocal), [&] {
                       attention_fuse_backward(f.ctx, f.x, f.r, f.w, f.y, gy, post::relu, to(gx),
                                               to(gr), to(glocal), to(gglobal));
                   });
}
PFAD_BENCHMARK(attention_fuse_forward, bench::stages);
PFAD_BENCHMARK(attention_fuse_forward_unfused, bench::stages);
PFAD_BENCHMARK(attention_fuse_backward, bench::stages);

} // namespace
