// What the machine can do, measured in the same run, so that a benchmark's numbers mean something
// on any machine: every op reports operations and bytes, and their share of what is possible.
//
// A benchmark puts its loop into the scope of a meter(state, operations, bytes). Run with
// --benchmark_repetitions=5 and take the best repetition whose counter "foreign" is small: with
// other work on the machine a time says nothing.
#pragma once

#include <pfad/cpu/parallel.hpp>

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace pfad::bench {

/// Seconds of the best of `rounds` calls.
template <class F>
double best_seconds(int rounds, F&& f) {
    using clock = std::chrono::steady_clock;
    double best = 1e30;
    for (int i = 0; i < rounds; ++i) {
        const auto start = clock::now();
        f();
        best = std::min(best, std::chrono::duration<double>(clock::now() - start).count());
    }
    return best;
}

/// 2 * 12 independent chains of multiply-adds hide the latency on every core of the last decade.
/// Returns the operations done.
[[gnu::noinline]] inline double multiply_adds(std::int64_t steps) {
#if defined(__AVX512F__)
    constexpr int width = 16;
#else
    constexpr int width = 8;
#endif
    constexpr int chains = 12;
    using vector [[gnu::vector_size(width * sizeof(float))]] = float;
    vector sum[chains];
    for (int i = 0; i < chains; ++i)
        sum[i] = vector{} + static_cast<float>(i);
    vector factor = vector{} + 0.999f;
    const vector term = vector{} + 0.001f;
    for (std::int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
        for (int i = 0; i < chains; ++i)
            sum[i] = sum[i] * factor + term;
    }
    for (int i = 0; i < chains; ++i)
        benchmark::DoNotOptimize(sum[i]);
    return 2.0 * width * chains * static_cast<double>(steps);
}

/// Float operations a second that all processors reach in registers. Measured once, on first use.
inline double machine_flops() {
    static const double measured = [] {
        cpu::context ctx;
        const int threads = ctx.threads->width();
        std::vector<double> done(static_cast<std::size_t>(threads));
        const double seconds = best_seconds(8, [&] {
            cpu::run_parts(ctx, threads, [&](int part) {
                done[static_cast<std::size_t>(part)] = multiply_adds(1 << 20);
            });
        });
        return done[0] * threads / seconds;
    }();
    return measured;
}

/// Bytes a second, read plus written, of copying memory far larger than the caches. Measured once,
/// on first use; takes about half a second and 256 MiB.
inline double machine_bytes() {
    static const double measured = [] {
        cpu::context ctx;
        const std::int64_t size = std::int64_t(128) << 20;
        const std::unique_ptr<char[]> from(new char[static_cast<std::size_t>(size)]());
        const std::unique_ptr<char[]> to(new char[static_cast<std::size_t>(size)]());
        const double seconds = best_seconds(5, [&] {
            cpu::parallel_for(ctx, size, 1, [&](std::int64_t begin, std::int64_t end) {
                std::memcpy(to.get() + begin, from.get() + begin,
                            static_cast<std::size_t>(end - begin));
            });
        });
        return 2.0 * static_cast<double>(size) / seconds;
    }();
    return measured;
}

/// Wraps a benchmark's loop and reports from one iteration's work: FLOP/s and B/s, not where the
/// work is given as 0; `percent`, how much of the time the machine needs at least (the larger of
/// operations and bytes over what it can do; above 100 where the data stays in caches); and
/// `foreign`, how many processors other programs kept busy meanwhile.
class meter {
public:
    meter(benchmark::State& state, double operations, double bytes)
        : state_(state), operations_(operations), bytes_(bytes),
          least_(std::max(operations > 0 ? operations / machine_flops() : 0,
                          bytes > 0 ? bytes / machine_bytes() : 0)),
          start_(std::chrono::steady_clock::now()), all_(all()), own_(own()) {}

    ~meter() {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
        const double others = (all() - all_) - (own() - own_);
        const double one = passed.count() / static_cast<double>(state_.iterations());
        using benchmark::Counter;
        if (operations_ > 0)
            state_.counters["FLOP/s"] = Counter(operations_ / one);
        if (bytes_ > 0)
            state_.counters["B/s"] = Counter(bytes_ / one);
        state_.counters["percent"] = Counter(100 * least_ / one);
        state_.counters["foreign"] = Counter(std::max(0.0, others / passed.count()));
    }
    meter(const meter&) = delete;
    meter& operator=(const meter&) = delete;

private:
    // Busy seconds of all processors since the start: the first line of /proc/stat.
    static double all() {
        std::array<long long, 8> ticks = {};
        if (std::FILE* const file = std::fopen("/proc/stat", "r")) {
            const int fields = std::fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld %lld",
                                           &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4],
                                           &ticks[5], &ticks[6], &ticks[7]);
            std::fclose(file);
            if (fields != 8)
                return 0;
        }
        const long long busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
        return static_cast<double>(busy) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
    static double own() {
        rusage use = {};
        getrusage(RUSAGE_SELF, &use);
        return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    }

    benchmark::State& state_;
    double operations_;
    double bytes_;
    double least_;
    std::chrono::steady_clock::time_point start_;
    double all_;
    double own_;
};

} // namespace pfad::bench
