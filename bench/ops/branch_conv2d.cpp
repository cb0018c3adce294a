// PCAR as one convolution a sample: what stands around that convolution.
#include "support/op.hpp"

#include <pfad/ops/branch_conv2d.hpp>

namespace {

using namespace pfad;

template <class T>
struct kernels_of {
    bench::context ctx;
    std::int64_t c;
    bench::array<T, 4> w = bench::draw<T>(ctx, shape<4>{{bench::branches * c, 3, 3, c}});
    bench::array<T, 4> weights =
        bench::draw<T>(ctx, shape<4>{{bench::branches * bench::batch, 1, 1, c}}, 0, 1);

    explicit kernels_of(const benchmark::State& state) : c(state.range(0)) {}
};

/// The channels that PCAR has.
void widths(benchmark::internal::Benchmark* b) {
    b->ArgName("channels")->Arg(64)->Arg(128)->Arg(256)->Arg(512);
}

/// Of one sample.
template <class T>
void mix_kernels_forward(benchmark::State& state) {
    kernels_of<T> m(state);
    const auto k = empty<T>(m.ctx, shape<4>{{m.c, 3, 3, m.c}});
    const auto of_sample = m.weights.slice(0, shape<4>{{bench::branches, 1, 1, m.c}});
    bench::measure(m.ctx, state, bench::operations(2, m.w), bench::bytes(m.w, k),
                   [&] { mix_kernels_forward(m.ctx, m.w, of_sample, k.view()); });
}
/// Of a batch.
template <class T>
void mix_kernels_backward(benchmark::State& state) {
    using A = accumulator_t<T>;
    kernels_of<T> m(state);
    const auto gk = bench::draw<A>(m.ctx, shape<4>{{bench::batch * m.c, 3, 3, m.c}});
    const auto gw = empty<A>(m.ctx, m.w.dims());
    const auto ga = empty<T>(m.ctx, m.weights.dims());
    bench::measure(m.ctx, state, bench::operations(4 * bench::batch, m.w),
                   bench::bytes(m.w, gk, gw), [&] {
                       mix_kernels_backward<T>(m.ctx, m.w, m.weights, gk, gw.view(), store::set,
                                               ga.view(), store::set);
                   });
}
PFAD_BENCHMARK(mix_kernels_forward, widths);
PFAD_BENCHMARK(mix_kernels_backward, widths);

} // namespace
