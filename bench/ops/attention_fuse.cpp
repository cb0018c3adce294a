#include "support/op.hpp"

#include <pfad/ops/attention_fuse.hpp>

namespace {

using namespace pfad;

struct features {
    bench::context ctx;
    shape<4> dims;
    tensor<float, 4> x = bench::draw(ctx, dims), r = bench::draw(ctx, dims);
    tensor<float, 4> local = bench::draw(ctx, dims);
    tensor<float, 4> global = bench::draw(ctx, shape<4>{{dims[0], 1, 1, dims[3]}});
    tensor<float, 4> w = bench::draw(ctx, dims, 0, 1), y = bench::draw(ctx, dims, 0, 1);

    explicit features(const benchmark::State& state) : dims(bench::maps(state)) {}
};

void attention_fuse_forward(benchmark::State& state) {
    features f(state);
    bench::measure(state, bench::operations(8, f.y), bench::bytes(f.x, f.r, f.local, f.w, f.y),
                   [&] {
                       attention_fuse_forward(f.ctx, f.x, f.r, f.local, f.global, tail::relu,
                                              f.w.view(), f.y.view());
                   });
}
void attention_fuse_backward(benchmark::State& state) {
    features f(state);
    const auto gy = bench::draw(f.ctx, f.dims);
    const auto gx = empty<float>(f.ctx, f.dims), gr = empty<float>(f.ctx, f.dims);
    const auto glocal = empty<float>(f.ctx, f.dims);
    const auto gglobal = empty<float>(f.ctx, f.global.dims());
    const auto to = [](const tensor<float, 4>& g) {
        return gradient_target<float, 4>{g.view(), store::set};
    };
    bench::measure(state, bench::operations(10, gy),
                   bench::bytes(f.x, f.r, f.w, f.y, gy, gx, gr, glocal), [&] {
                       attention_fuse_backward(f.ctx, f.x, f.r, f.w, f.y, gy, tail::relu, to(gx),
                                               to(gr), to(glocal), to(gglobal));
                   });
}
BENCHMARK(attention_fuse_forward)->Apply(bench::stages);
BENCHMARK(attention_fuse_backward)->Apply(bench::stages);

} // namespace
