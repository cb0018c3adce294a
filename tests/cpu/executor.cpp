#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/cpu/executor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace pfad;
using namespace pfad::cpu;

TEST_CASE("thread_team: every part runs once", "[cpu]") {
    for (const int threads : {1, 2, 5}) {
        context ctx(threads);
        CHECK(ctx.threads->width() == threads);
        for (const int parts : {0, 1, 2, 3, 17}) {
            std::vector<std::atomic<int>> runs(17);
            run_parts(ctx, parts, [&](int part) { ++runs[static_cast<std::size_t>(part)]; });
            for (int part = 0; part < 17; ++part)
                CHECK(runs[static_cast<std::size_t>(part)] == (part < parts ? 1 : 0));
        }
    }
}

TEST_CASE("thread_team: many short loops in a row", "[cpu]") {
    context ctx(3);
    std::atomic<int> sum = 0;
    for (int round = 0; round < 500; ++round)
        run_parts(ctx, 4, [&](int part) { sum += part; });
    CHECK(sum == 500 * 6);
}

TEST_CASE("thread_team: an exception of a part comes out and the team goes on", "[cpu]") {
    for (const int threads : {1, 3}) {
        context ctx(threads);
        const auto bad = [](int part) {
            if (part == 2)
                throw std::runtime_error("part 2");
        };
        CHECK_THROWS_WITH(run_parts(ctx, 5, bad), "part 2");
        std::atomic<int> runs = 0;
        run_parts(ctx, 5, [&](int) { ++runs; });
        CHECK(runs == 5);
    }
}

TEST_CASE("thread_team: several callers take turns", "[cpu]") {
    context ctx(2);
    std::vector<int> wrong(3);
    std::vector<std::thread> callers;
    for (std::size_t id = 0; id < 3; ++id)
        callers.emplace_back([&, id] {
            for (int round = 0; round < 100; ++round) {
                std::atomic<int> sum = 0;
                run_parts(ctx, 6, [&](int part) { sum += part; });
                wrong[id] += sum != 15;
            }
        });
    for (auto& caller : callers)
        caller.join();
    CHECK(wrong == std::vector<int>(3));
}

TEST_CASE("thread_count: zero means one per processor", "[cpu]") {
    CHECK(thread_count(3) == 3);
    CHECK(thread_count(0) >= 1);
}
