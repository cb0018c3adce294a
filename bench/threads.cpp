// One inspector that several threads call: pictures of 256x256 a second must not fall with the callers.
//   bench_threads --benchmark_repetitions=9 --benchmark_enable_random_interleaving
#include "support/inspector.hpp"
#include "support/network.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace pfad;

const pfad::inspector& shared_inspector() {
    static const pfad::inspector one = bench::loaded_inspector();
    return one;
}

class calls {
public:
    explicit calls(int callers) : callers_(callers), pixels_(std::size_t(256 * 256 * 3)) {
        for (std::size_t i = 0; i < pixels_.size(); ++i)
            pixels_[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
        (void)inspect(); // plans and packed weights
    }

    void measure(benchmark::State& state) {
        constexpr int pictures = 16;
        std::vector<double> scores(static_cast<std::size_t>(callers_));
        const auto call = [&](double& score) {
            for (int i = 0; i < pictures / callers_; ++i)
                score = inspect();
        };
        for (auto _ : state) {
            // This thread is one of them: it has called before, and OpenMP keeps a team for it.
            std::vector<std::jthread> others;
            for (std::size_t i = 1; i < scores.size(); ++i)
                others.emplace_back([&, i] { call(scores[i]); });
            call(scores[0]);
        }
        for (const double score : scores)
            if (score != scores[0] || !std::isfinite(score))
                state.SkipWithError("the scores differ");
        state.counters["images_per_second"] =
            benchmark::Counter(pictures, benchmark::Counter::kIsIterationInvariantRate);
    }

private:
    [[nodiscard]] double inspect() const {
        return shared_inspector().inspect({pixels_.data(), 256, 256, 3, 3 * 256}).score;
    }

    int callers_;
    std::vector<std::uint8_t> pixels_;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::pair<std::string, int>> settings;
    for (const int callers : {1, 2, 8})
        settings.emplace_back("inspect/callers:" + std::to_string(callers), callers);
    return pfad::bench::run_jobs<calls, int>(argc, argv, settings);
}
