// All three levels to the input of the segmentation network, (16, 64, 64, 448).
#include "support/op.hpp"

#include <pfad/ops/cosine_similarity_map.hpp>

#include <vector>

namespace {

using namespace pfad;

struct similarity {
    bench::context ctx;
    std::vector<tensor<float, 4>> t, s;
    tensor<float, 4> y = empty<float>(ctx, bench::maps(64, 448));
    double read = 0;

    similarity() {
        for (const auto& dims : {bench::maps(64, 64), bench::maps(32, 128), bench::maps(16, 256)}) {
            t.push_back(bench::draw(ctx, dims));
            s.push_back(bench::draw(ctx, dims, 0, 1));
            read += bench::bytes(t.back(), s.back());
        }
    }
};

void cosine_similarity_map_forward(benchmark::State& state) {
    similarity p;
    bench::measure(state, bench::operations(8, p.y), p.read + bench::bytes(p.y), [&] {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < p.t.size(); at += p.t[k++].extent(3))
            cosine_similarity_map_forward(p.ctx, p.t[k], p.s[k], p.y.view(), at);
    });
}
// The gradient of the student's features.
void cosine_similarity_map_backward(benchmark::State& state) {
    similarity p;
    const auto gy = bench::draw(p.ctx, p.y.dims());
    std::vector<tensor<float, 4>> gs;
    for (const auto& s : p.s)
        gs.push_back(empty<float>(p.ctx, s.dims()));
    bench::measure(state, bench::operations(8, gy), 1.5 * p.read + bench::bytes(gy), [&] {
        std::int64_t at = 0;
        for (std::size_t k = 0; k < gs.size(); at += gs[k++].extent(3))
            cosine_similarity_map_backward(p.ctx, p.t[k], p.s[k], gy, gs[k].view(), store::set, at);
    });
}
BENCHMARK(cosine_similarity_map_forward)->UseRealTime();
BENCHMARK(cosine_similarity_map_backward)->UseRealTime();

} // namespace
