// All three levels to the input of the segmentation network, (16, 64, 64, 448).
#include "support/op.hpp"

#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/resize_bilinear.hpp>

#include <vector>

namespace {

using namespace pfad;

template <class T>
struct similarity {
    bench::context ctx;
    std::vector<bench::array<T, 4>> t, s;
    bench::array<T, 4> y = empty<T>(ctx, bench::maps(64, 448));
    double read = 0;

    similarity() {
        for (const auto& dims : {bench::maps(64, 64), bench::maps(32, 128), bench::maps(16, 256)}) {
            t.push_back(bench::draw<T>(ctx, dims));
            s.push_back(bench::draw<T>(ctx, dims, 0, 1));
            read += bench::bytes(t.back(), s.back());
        }
    }
};

template <class T>
void cosine_similarity_map_forward(benchmark::State& state) {
    similarity<T> p;
    bench::measure(p.ctx, state, bench::operations(8, p.y), p.read + bench::bytes(p.y), [&] {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < p.t.size(); at += p.t[k++].extent(3))
            cosine_similarity_map_forward(p.ctx, p.t[k], p.s[k], p.y.view(), at);
    });
}
// The product, the resize and the copy of every level on their own.
template <class T>
void cosine_similarity_map_forward_unfused(benchmark::State& state) {
    similarity<T> p;
    std::vector<bench::array<T, 4>> product, large;
    for (const auto& t : p.t) {
        product.push_back(empty<T>(p.ctx, t.dims()));
        large.push_back(empty<T>(p.ctx, bench::maps(64, t.extent(3))));
    }
    bench::measure(p.ctx, state, bench::operations(8, p.y), p.read + bench::bytes(p.y), [&] {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < p.t.size(); at += p.t[k++].extent(3)) {
            cosine_similarity_map_forward(p.ctx, p.t[k], p.s[k], product[k].view(), 0);
            resize_bilinear_forward(p.ctx, product[k], large[k].view());
            concat_channels_forward(p.ctx, large[k], p.y.view(), at);
        }
    });
}
// The gradient of the student's features.
template <class T>
void cosine_similarity_map_backward(benchmark::State& state) {
    similarity<T> p;
    const auto gy = bench::draw<T>(p.ctx, p.y.dims());
    std::vector<bench::array<T, 4>> gs;
    for (const auto& s : p.s)
        gs.push_back(empty<T>(p.ctx, s.dims()));
    bench::measure(p.ctx, state, bench::operations(8, gy), 1.5 * p.read + bench::bytes(gy), [&] {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < gs.size(); at += gs[k++].extent(3))
            cosine_similarity_map_backward(p.ctx, p.t[k], p.s[k], gy, gs[k].view(), store::set, at);
    });
}
PFAD_BENCHMARK(cosine_similarity_map_forward, bench::once);
PFAD_BENCHMARK(cosine_similarity_map_forward_unfused, bench::once);
PFAD_BENCHMARK(cosine_similarity_map_backward, bench::once);

} // namespace
