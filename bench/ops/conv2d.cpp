// Every different convolution of the model at 256 x 256 pictures, each way. On a GPU these are a
// vendor's, and only the gradient of the bias is measured.
//   bench_ops --benchmark_filter='conv2d/onednn' --benchmark_repetitions=5
#include "support/op.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/ops/conv2d.hpp>

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
#include <pfad/onednn.hpp>
#endif

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

namespace {

using namespace pfad;

template <class T>
void conv2d_backward_bias(benchmark::State& state) {
    bench::context ctx;
    const auto gy = bench::draw<T>(ctx, bench::maps(state));
    const auto gb = empty<accumulator_t<T>>(ctx, shape<1>{{gy.extent(3)}});
    bench::measure(ctx, state, bench::operations(1, gy), bench::bytes(gy),
                   [&] { conv2d_backward_bias<T>(ctx, gy, gb.view(), store::set); });
}
PFAD_BENCHMARK(conv2d_backward_bias, bench::stages);

#if !defined(__CUDACC__)

struct convolution {
    const char* name;
    std::int64_t side, from, to, kernel;
    conv2d_geometry g;
    bool bias = false;
};

constexpr convolution convolutions[] = {
    {"stem", 256, 3, 64, 7, {2, 3, 1}},
    {"3x3_64", 64, 64, 64, 3, {1, 1, 1}},
    {"3x3_128", 32, 128, 128, 3, {1, 1, 1}},
    {"3x3_256", 16, 256, 256, 3, {1, 1, 1}},
    {"3x3_512", 8, 512, 512, 3, {1, 1, 1}},
    {"3x3_down_64_128", 64, 64, 128, 3, {2, 1, 1}},
    {"3x3_down_128_256", 32, 128, 256, 3, {2, 1, 1}},
    {"3x3_down_256_512", 16, 256, 512, 3, {2, 1, 1}},
    {"1x1_down_64_128", 64, 64, 128, 1, {2, 0, 1}},
    {"1x1_down_256_512", 16, 256, 512, 1, {2, 0, 1}},
    {"pcar_64", 64, 64, 192, 3, {1, 1, 1}},
    {"pcar_128", 32, 128, 384, 3, {1, 1, 1}},
    {"pcar_256", 16, 256, 768, 3, {1, 1, 1}},
    {"pcar_512", 8, 512, 1536, 3, {1, 1, 1}},
    {"spr_64_squeeze", 1, 320, 4, 1, {1, 0, 1}, true},
    {"spr_512_squeeze", 1, 2560, 32, 1, {1, 0, 1}, true},
    {"spr_512_excite", 1, 32, 512, 1, {1, 0, 1}, true},
    {"aff_64_squeeze", 64, 64, 16, 1, {1, 0, 1}, true},
    {"aff_64_excite", 64, 16, 64, 1, {1, 0, 1}, true},
    {"aff_512_squeeze", 8, 512, 128, 1, {1, 0, 1}, true},
    {"aff_512_global", 1, 512, 128, 1, {1, 0, 1}, true},
    {"segment_448_256", 64, 448, 256, 3, {1, 1, 1}},
    {"segment_256_256", 64, 256, 256, 3, {1, 1, 1}},
    {"segment_256_1", 64, 256, 1, 1, {1, 0, 1}, true},
    {"rcm_256_512", 64, 256, 512, 1, {1, 0, 1}, true},
    {"rcm_512_256", 64, 512, 256, 1, {1, 0, 1}, true},
    {"aspp_6", 64, 256, 256, 3, {1, 6, 6}},
    {"aspp_12", 64, 256, 256, 3, {1, 12, 12}},
    {"aspp_18", 64, 256, 256, 3, {1, 18, 18}},
    {"aspp_fuse", 64, 1024, 256, 3, {1, 1, 1}},
};

enum class way { forward, backward_input, backward_weight };

template <class Context, int R>
tensor<float, R> draw(Context& ctx, const shape<R>& dims, const char* name) {
    auto result = empty<float>(ctx, dims);
    random_stream draws(1, name);
    std::generate_n(result.data(), result.size(),
                    [&] { return static_cast<float>(draws.uniform(-1, 1)); });
    return result;
}

template <class Context>
void convolve(benchmark::State& state, const convolution& l, way which) {
    Context ctx;
    const auto x = draw(ctx, shape<4>{{state.range(0), l.side, l.side, l.from}}, "x");
    const auto w = draw(ctx, shape<4>{{l.to, l.kernel, l.kernel, l.from}}, "w");
    const auto b = draw(ctx, shape<1>{{l.to}}, "b");
    const std::int64_t out_side = l.g.output(l.side, l.kernel);
    const auto y = draw(ctx, shape<4>{{state.range(0), out_side, out_side, l.to}}, "y");
    const auto bias = l.bias ? b.view() : view<float, 1>{};
    const auto stamp = weight_stamp::make(); // weights stay packed, as in inference
    const auto run = [&] {
        if (which == way::forward)
            conv2d_forward(ctx, x, w, bias, y.view(), l.g, stamp);
        else if (which == way::backward_input)
            conv2d_backward_input(ctx, y, w, x.view(), store::set, l.g, stamp);
        else
            conv2d_backward_weight<float>(ctx, x, y, w.view(), store::set, l.g);
    };
    run();
    const double operations = 2.0 * static_cast<double>(y.size() * l.kernel * l.kernel * l.from);
    const double bytes = 4.0 * static_cast<double>(x.size() + w.size() + y.size());
    {
        const bench::meter meter(state, operations, bytes);
        for (auto _ : state)
            run();
    }
#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
    if constexpr (std::is_base_of_v<onednn::context, Context>)
        state.SetLabel(onednn::conv2d_implementation(
            ctx, {static_cast<onednn::operation>(which), onednn::data_type<float>, x.dims(),
                  w.dims(), y.dims(), which == way::forward && l.bias, l.g}));
#endif
}

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
struct direct_context : onednn::context {
    direct_context() { convolutions = onednn::conv2d_algorithm::direct; }
};
#endif

template <class Context>
void add(const char* backend) {
    const char* const ways[] = {"forward", "backward_input", "backward_weight"};
    for (const way which : {way::forward, way::backward_input, way::backward_weight})
        for (const auto& l : convolutions) {
            const auto name = std::string("conv2d/") + backend + "/" +
                              ways[static_cast<int>(which)] + "/" + l.name;
            benchmark::RegisterBenchmark(
                name.c_str(), [&l, which](benchmark::State& s) { convolve<Context>(s, l, which); })
                ->ArgName("batch")
                ->Arg(1)
                ->Arg(16)
                ->UseRealTime();
        }
}

const bool added = [] {
    add<cpu::context>("reference");
#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
    add<onednn::context>("onednn");
    add<direct_context>("onednn_direct");
#endif
    return true;
}();

#endif

} // namespace
