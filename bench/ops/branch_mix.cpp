// PCAR's three branches.
#include "support/op.hpp"

#include <pfad/ops/branch_mix.hpp>

namespace {

using namespace pfad;

constexpr std::int64_t branches = 3;

struct mix {
    bench::context ctx;
    shape<4> dims;
    tensor<float, 4> f = bench::draw(ctx, bench::maps(dims[1], branches* dims[3]));
    tensor<float, 4> a = bench::draw(ctx, shape<4>{{branches * dims[0], 1, 1, dims[3]}}, 0, 1);
    tensor<float, 4> weights = bench::draw(ctx, a.dims(), 0, 1);
    tensor<float, 4> y = bench::draw(ctx, dims);

    explicit mix(const benchmark::State& state) : dims(bench::maps(state)) {}
};

void branch_mix_forward(benchmark::State& state) {
    mix m(state);
    bench::measure(state, bench::operations(2, m.f), bench::bytes(m.f, m.y),
                   [&] { branch_mix_forward(m.ctx, m.f, m.a, m.weights.view(), m.y.view()); });
}
void branch_mix_backward(benchmark::State& state) {
    mix m(state);
    const auto gf = empty<float>(m.ctx, m.f.dims()), ga = empty<float>(m.ctx, m.a.dims());
    bench::measure(state, bench::operations(3, m.f), bench::bytes(m.f, m.y, gf), [&] {
        branch_mix_backward(m.ctx, m.f, m.weights, m.y, gf.view(), store::set, ga.view(),
                            store::set);
    });
}
BENCHMARK(branch_mix_forward)->Apply(bench::stages);
BENCHMARK(branch_mix_backward)->Apply(bench::stages);

} // namespace
