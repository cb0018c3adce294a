// A training batch of corrupted pictures, from coarse noise to the finest.
#include "support/op.hpp"

#include <pfad/ops/synthesise_anomaly.hpp>

namespace {

using namespace pfad;

template <class T>
struct pictures {
    bench::context ctx;
    bench::array<T, 4> good = bench::draw<T>(ctx, bench::maps(256, 3), 0, 1);
    bench::array<T, 4> texture = bench::draw<T>(ctx, good.dims(), 0, 1);
    bench::array<T, 2> angles =
        bench::draw<T>(ctx, shape<2>{{bench::batch, lattice_capacity}}, 0, 6.28);
    bench::array<anomaly_draw, 1> draws;
    bench::array<T, 4> corrupted = empty<T>(ctx, good.dims());
    bench::array<T, 4> mask = empty<T>(ctx, bench::maps(256, 1));

    explicit pictures(const benchmark::State& state) {
        const int cells = static_cast<int>(state.range(0));
        draws = bench::make<anomaly_draw>(ctx, shape<1>{{bench::batch}}, [cells] {
            return anomaly_draw{cells, cells, 30, 0.5f};
        });
    }
};

template <class T>
void synthesise_anomaly(benchmark::State& state) {
    pictures<T> p(state);
    bench::measure(p.ctx, state, bench::operations(60, p.mask),
                   bench::bytes(p.good, p.texture, p.corrupted, p.mask), [&] {
                       synthesise_anomaly_forward(p.ctx, p.good, p.texture, p.draws, p.angles,
                                                  p.corrupted.view(), p.mask.view());
                   });
}
template <class T>
void perlin_mask(benchmark::State& state) {
    pictures<T> p(state);
    bench::measure(p.ctx, state, bench::operations(50, p.mask), bench::bytes(p.mask),
                   [&] { perlin_mask_forward(p.ctx, p.draws, p.angles, p.mask.view()); });
}
template <class T>
void perlin_noise(benchmark::State& state) {
    pictures<T> p(state);
    const auto noise = empty<T>(p.ctx, shape<3>{{bench::batch, 256, 256}});
    bench::measure(p.ctx, state, bench::operations(30, noise), bench::bytes(noise),
                   [&] { perlin_noise_forward(p.ctx, p.draws, p.angles, noise.view()); });
}
void lattices(benchmark::internal::Benchmark* b) {
    b->ArgName("cells")->Arg(1)->Arg(8)->Arg(32);
}
PFAD_BENCHMARK(synthesise_anomaly, lattices);
PFAD_BENCHMARK(perlin_mask, lattices);
PFAD_BENCHMARK(perlin_noise, lattices);

} // namespace
