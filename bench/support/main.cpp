// bench_ops. With --describe it times nothing and prints a line for every benchmark of an op: its
// name and the bytes that it moves.
#include "support/context.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string_view>
#include <vector>

namespace {

class description : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context&) override { return true; }
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs)
            if (const auto bytes = run.counters.find("bytes"); bytes != run.counters.end())
                std::printf("%s %.0f\n", run.benchmark_name().c_str(), bytes->second.value);
    }
};

} // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    static char once[] = "--benchmark_min_time=0";
    // What has no bytes of its own is run as ever: a vendor's convolutions.
    static char kernels[] = "--benchmark_filter=-^conv2d/";
    for (auto i = arguments.begin(); i != arguments.end(); ++i)
        if (std::string_view(*i) == "--describe") {
            pfad::bench::describing = true;
            *i = once;
            arguments.insert(i + 1, kernels);
            break;
        }
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data()))
        return 1;
    if (pfad::bench::describing) {
        description lines;
        benchmark::RunSpecifiedBenchmarks(&lines);
    } else {
        benchmark::RunSpecifiedBenchmarks();
    }
    return 0;
}
