#include "support/catch.hpp"

#include <pfad/detect/worker.hpp>

#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using pfad::detect::worker;

TEST_CASE("worker: what eight threads ask for is done on one thread, one after the other",
          "[threads]") {
    worker one;
    int done = 0; // of the worker alone, so no atomic
    std::set<std::thread::id> on;
    std::vector<int> answers(8);
    {
        std::vector<std::jthread> callers;
        for (auto& answer : answers)
            callers.emplace_back([&] {
                for (int round = 0; round < 20; ++round) {
                    int mine = 0;
                    one.run([&] {
                        on.insert(std::this_thread::get_id());
                        mine = ++done;
                    });
                    answer += mine;
                }
            });
    }
    int sum = 0;
    for (const int answer : answers)
        sum += answer;
    CHECK(sum == 160 * 161 / 2);
    CHECK(on.size() == 1);
    CHECK(on.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("worker: an exception reaches the caller, and the next call is done", "[threads]") {
    worker one, unused;
    CHECK_THROWS_WITH(one.run([] { throw std::runtime_error("no"); }), "no");
    bool done = false;
    one.run([&] { done = true; });
    CHECK(done);
}
