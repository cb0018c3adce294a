// PCAR's three branches.
#include "support/op.hpp"

#include <pfad/ops/branch_mix.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/multiply.hpp>

namespace {

using namespace pfad;

template <class T>
struct mix {
    bench::context ctx;
    shape<4> dims;
    bench::array<T, 4> f = bench::draw<T>(ctx, bench::maps(dims[1], bench::branches* dims[3]));
    bench::array<T, 4> weights =
        bench::draw<T>(ctx, shape<4>{{bench::branches * dims[0], 1, 1, dims[3]}}, 0, 1);
    bench::array<T, 4> y = bench::draw<T>(ctx, dims);

    explicit mix(const benchmark::State& state) : dims(bench::maps(state)) {}
};

template <class T>
void branch_mix_forward(benchmark::State& state) {
    mix<T> m(state);
    bench::measure(m.ctx, state, bench::operations(2, m.f), bench::bytes(m.f, m.y),
                   [&] { branch_mix_forward(m.ctx, m.f, m.weights, m.y.view()); });
}
template <class T>
void branch_softmax_forward(benchmark::State& state) {
    mix<T> m(state);
    const auto a = bench::draw<T>(m.ctx, m.weights.dims(), 0, 1);
    bench::measure(m.ctx, state, bench::operations(4, a), bench::bytes(a, m.weights),
                   [&] { branch_softmax_forward(m.ctx, a, m.weights.view(), bench::branches); });
}
// For each branch a copy of its channels, a copy of its weight to every pixel, and a product.
template <class T>
void branch_mix_forward_unfused(benchmark::State& state) {
    mix<T> m(state);
    const auto part = empty<T>(m.ctx, m.dims), weight = empty<T>(m.ctx, m.dims);
    const shape<4> one = {{m.dims[0], 1, 1, m.dims[3]}};
    bench::measure(m.ctx, state, bench::operations(2, m.f), bench::bytes(m.f, m.y), [&] {
        for (std::int64_t k = 0; k < bench::branches; ++k) {
            concat_channels_backward(m.ctx, m.f, part.view(), store::set, k * m.dims[3]);
            concat_channels_forward(m.ctx, m.weights.slice(k * one.size(), one), weight.view(), 0);
            multiply_forward(m.ctx, part.flat(), weight.flat(), m.y.flat().view(),
                             k == 0 ? store::set : store::add);
        }
    });
}
template <class T>
void branch_mix_backward(benchmark::State& state) {
    mix<T> m(state);
    const auto gf = empty<T>(m.ctx, m.f.dims()), ga = empty<T>(m.ctx, m.weights.dims());
    bench::measure(m.ctx, state, bench::operations(3, m.f), bench::bytes(m.f, m.y, gf), [&] {
        branch_mix_backward(m.ctx, m.f, m.weights, m.y, gf.view(), store::set, ga.view(),
                            store::set);
    });
}
PFAD_BENCHMARK(branch_softmax_forward, bench::stages);
PFAD_BENCHMARK(branch_mix_forward, bench::stages);
PFAD_BENCHMARK(branch_mix_forward_unfused, bench::stages);
PFAD_BENCHMARK(branch_mix_backward, bench::stages);

} // namespace
