// A large picture in tiles of the model's size, one pixel to one, and the memory that it takes.
//   bench_tiles --benchmark_filter=side:4096
#include "support/inspector.hpp"
#include "support/network.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace pfad;

class tiled_inspection {
public:
    explicit tiled_inspection(int side)
        : side_(side), pixels_(std::size_t(side) * std::size_t(side) * 3) {
        for (std::size_t i = 0; i < pixels_.size(); ++i)
            pixels_[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
    }

    void measure(benchmark::State& state) {
        detect::inspection found;
        for (auto _ : state)
            found = inspector_.inspect_tiles(
                {pixels_.data(), side_, side_, 3, std::ptrdiff_t(3) * side_});
        if (!(found.score >= 0 && found.score <= 1))
            state.SkipWithError("the score is outside its range");
        rusage use = {};
        getrusage(RUSAGE_SELF, &use);
        state.counters["peak_bytes"] = 1024.0 * static_cast<double>(use.ru_maxrss);
    }

private:
    int side_;
    std::vector<std::uint8_t> pixels_;
    pfad::inspector inspector_ = bench::loaded_inspector();
};

} // namespace

int main(int argc, char** argv) {
    std::vector<std::pair<std::string, int>> settings;
    for (const int side : {1024, 4096})
        settings.emplace_back("inspect_tiles/side:" + std::to_string(side), side);
    return pfad::bench::run_jobs<tiled_inspection, int>(argc, argv, settings);
}
