// All metrics of a test set of 117 pictures at 256x256, the largest of MVTec AD, on one core.
#include <pfad/core/philox.hpp>
#include <pfad/metrics/evaluation.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

constexpr std::int64_t pictures = 117, side = 256;

struct test_set {
    std::vector<float> scores;
    std::vector<std::uint8_t> masks;
    std::vector<double> image_scores;
    std::vector<std::uint8_t> labels;
};

// Every fourth picture is good, the others have three rectangular defects. `levels` > 0 rounds the
// scores to that many values, so that most are tied.
test_set make_set(int levels) {
    const std::size_t area = side * side;
    test_set set{std::vector<float>(pictures * area), std::vector<std::uint8_t>(pictures * area),
                 std::vector<double>(pictures), std::vector<std::uint8_t>(pictures)};
    for (std::size_t n = 0; n < pictures; ++n) {
        pfad::random_stream draws(1, "bench", 0, n);
        std::uint8_t* const mask = set.masks.data() + n * area;
        for (int defect = 0; n % 4 && defect < 3; ++defect) {
            const std::uint32_t top = draws.below(200), left = draws.below(200);
            const std::uint32_t height = 2 + draws.below(50), width = 2 + draws.below(50);
            for (std::size_t y = top; y < top + height; ++y)
                std::fill_n(mask + y * side + left, width, std::uint8_t(1));
        }
        for (std::size_t i = 0; i < area; ++i) {
            const double score = std::pow(draws.uniform(), mask[i] ? 2 : 8);
            set.scores[n * area + i] =
                static_cast<float>(levels ? std::floor(score * levels) / levels : score);
        }
        set.labels[n] = n % 4 != 0;
        set.image_scores[n] = draws.uniform() + set.labels[n];
    }
    return set;
}

void evaluate(benchmark::State& state) {
    const test_set set = make_set(static_cast<int>(state.range(0)));
    const pfad::shape<3> dims = {{pictures, side, side}};
    for (auto _ : state)
        benchmark::DoNotOptimize(pfad::metrics::evaluate_maps(
            {set.scores.data(), dims}, {set.masks.data(), dims}, set.image_scores, set.labels));
    state.counters["pixels"] = benchmark::Counter(static_cast<double>(dims.size()),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(evaluate)->ArgName("levels")->Arg(0)->Arg(256)->Unit(benchmark::kMillisecond);

} // namespace
