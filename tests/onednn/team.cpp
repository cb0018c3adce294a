#include "support/catch.hpp"

#include <pfad/onednn.hpp>

#include <atomic>
#include <chrono>
#include <limits>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace pfad;

static_assert(queued_context<onednn::context>);

namespace {

// Half of the smallest normal number, which is zero where denormals are flushed.
bool flushes() {
    volatile float smallest = std::numeric_limits<float>::min();
    volatile float half = 0.5f;
    return smallest * half == 0.0f;
}

} // namespace

TEST_CASE("omp_team: every part runs exactly once", "[onednn]") {
    for (const int threads : {1, 2, 3})
        for (const int parts : {0, 1, 2, 3, 64}) {
            onednn::context ctx(threads);
            CHECK(ctx.threads->width() == threads);
            std::vector<std::atomic<int>> runs(64);
            cpu::run_parts(ctx, parts, [&](int part) { ++runs[static_cast<std::size_t>(part)]; });
            for (int part = 0; part < 64; ++part)
                CHECK(runs[static_cast<std::size_t>(part)] == (part < parts ? 1 : 0));
        }
}

TEST_CASE("omp_team: parts of one loop run on the team's threads", "[onednn]") {
    onednn::context ctx(2);
    std::vector<std::thread::id> ids(2);
    cpu::run_parts(ctx, 2, [&](int part) {
        ids[static_cast<std::size_t>(part)] = std::this_thread::get_id();
    });
    CHECK(std::set(ids.begin(), ids.end()).size() == 2);
}

TEST_CASE("omp_team: all parts run and an exception reaches the caller", "[onednn]") {
    for (const int threads : {1, 2}) {
        onednn::context ctx(threads);
        std::atomic<int> runs = 0;
        const auto failing = [&](int part) {
            ++runs;
            if (part == 4)
                throw std::runtime_error("part four");
        };
        CHECK_THROWS_WITH(cpu::run_parts(ctx, 5, failing), "part four");
        CHECK(runs == 5);
        // The team still works.
        cpu::run_parts(ctx, 3, [&](int) { ++runs; });
        CHECK(runs == 8);
    }
}

TEST_CASE("omp_team: denormals are zero inside and the caller's mode comes back", "[onednn]") {
    for (const int threads : {1, 2}) {
        onednn::omp_team team(threads);
        std::atomic<int> flushing = 0;
        auto count = [&](int) { flushing += flushes(); };
        const auto call = [](void* task, int part) {
            (*static_cast<decltype(count)*>(task))(part);
        };
        CHECK_FALSE(flushes());
        team.run(2, call, &count);
        CHECK(flushing == 2);
        CHECK_FALSE(flushes());
        {
            const cpu::flush_denormals mode_of_the_caller;
            team.run(2, call, &count);
            CHECK(flushes());
        }
        CHECK_FALSE(flushes());
    }
}

TEST_CASE("team_scope: other OpenMP code runs on the team, flushed, then as before", "[onednn]") {
    const int before = omp_get_max_threads();
    for (const int threads : {1, 2, 3}) {
        onednn::omp_team team(threads);
        std::atomic<int> members = 0, flushing = 0;
        const auto look = [&] {
            members = flushing = 0;
#pragma omp parallel
            {
                ++members;
                flushing += flushes();
            }
        };
        {
            const onednn::team_scope scope(team);
            look();
            CHECK(members == threads);
            CHECK(flushing == threads);
        }
        CHECK(omp_get_max_threads() == before);
        look();
        CHECK(members == before);
        CHECK(flushing == 0);
    }
}

TEST_CASE("spin_watch: spins are short while others want the processors", "[onednn]") {
    onednn::spin_watch alone(1), watch(2);
    std::atomic<bool> stop = false;
    std::vector<std::thread> busy;
    for (int i = 0; i < 2 * omp_get_num_procs() + 1; ++i)
        busy.emplace_back([&] {
            while (!stop)
                ;
        });
    const auto start = std::chrono::steady_clock::now();
    while (!watch.spins_short() &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
        watch.look();
        alone.look();
    }
    stop = true;
    for (auto& thread : busy)
        thread.join();
    CHECK(watch.spins_short());
    CHECK_FALSE(alone.spins_short());
    // A process that sleeps is not made to leave a processor.
    for (int i = 0; i < 20 && watch.spins_short(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        watch.look();
    }
    CHECK_FALSE(watch.spins_short());
}

TEST_CASE("omp_team: calls from several threads take turns", "[onednn]") {
    onednn::context ctx(2);
    std::atomic<int> runs = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i)
        callers.emplace_back([&] {
            for (int round = 0; round < 20; ++round)
                cpu::run_parts(ctx, 2, [&](int) { ++runs; });
        });
    for (auto& caller : callers)
        caller.join();
    CHECK(runs == 120);
}
