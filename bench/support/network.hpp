// A whole network, random but with sensible activations.
#pragma once

#include "support/context.hpp"

#include <pfad/detectors/pfadseg.hpp>

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pfad::bench {

/// Sets every running statistic of the network to that of these pictures, as a momentum of 1 does,
/// so that evaluation sees ordinary activations and no denormals. Takes two pictures or more.
inline void calibrate(context& ctx, pfadseg<float>& m, const tensor<float, 4>& pictures) {
    const auto scale_statistics = [&m](float factor) {
        visit(m, "", [factor]<class P>(const std::string&, P& part) {
            if constexpr (!requires { part.slot; })
                for (std::int64_t i = 0; i < part.value.size(); ++i)
                    part.value.data()[i] *= factor;
        });
    };
    // From zero, one pass leaves them at `momentum` times the batch's.
    scale_statistics(0);
    {
        tape<context> t(ctx, mode::train, recording::off);
        (void)m(t, constant(pictures));
    }
    scale_statistics(static_cast<float>(1 / batch_norm_options{}.momentum));
    ctx.memory->trim(); // what only this pass needed
}

/// Pictures a second; `peak_bytes`, the most memory that the process ever had; `pool_bytes`, what
/// of it the context's pool holds. The peak is one benchmark's own only if the process ran no
/// other.
inline void report(benchmark::State& state, const context& ctx, std::int64_t pictures) {
    using benchmark::Counter;
    rusage use = {};
    getrusage(RUSAGE_SELF, &use);
    state.counters["images_per_second"] =
        Counter(static_cast<double>(pictures), Counter::kIsIterationInvariantRate);
    state.counters["peak_bytes"] = Counter(1024.0 * static_cast<double>(use.ru_maxrss));
    state.counters["pool_bytes"] = Counter(static_cast<double>(ctx.memory->reserved_bytes()));
}

/// The part of a network's work at 256 x 256 pictures that another size has.
[[nodiscard]] inline double area_ratio(std::int64_t size) {
    return static_cast<double>(size * size) / (256.0 * 256.0);
}

/// The main function of a program that times whole networks: a benchmark for each named setting.
/// Job(setting) makes a network warm, and its measure(state) times one iteration, so that every
/// repetition is one. Only one job exists at a time; repetitions share it.
template <class Job, class Setting>
int run_jobs(int argc, char** argv, const std::vector<std::pair<std::string, Setting>>& settings) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    std::unique_ptr<Job> current;
    std::size_t current_index = 0;
    for (std::size_t i = 0; i < settings.size(); ++i)
        benchmark::RegisterBenchmark(settings[i].first.c_str(),
                                     [&, i](benchmark::State& state) {
                                         if (!current || current_index != i) {
                                             current.reset();
                                             current = std::make_unique<Job>(settings[i].second);
                                             current_index = i;
                                         }
                                         current->measure(state);
                                     })
            ->Iterations(1)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

} // namespace pfad::bench
