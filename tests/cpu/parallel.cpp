#include "support/catch.hpp"

#include <pfad/cpu/parallel.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

using namespace pfad;
using namespace pfad::cpu;

TEST_CASE("parallel_for: the pieces cover the range once", "[cpu]") {
    context ctx(3);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 1000}) {
        std::vector<std::atomic<int>> seen(1000);
        parallel_for(ctx, count, 100000, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                ++seen[static_cast<std::size_t>(i)];
        });
        for (std::int64_t i = 0; i < 1000; ++i)
            if (seen[static_cast<std::size_t>(i)] != (i < count ? 1 : 0))
                FAIL("element " << i << " of " << count);
    }
}

TEST_CASE("parallel_for: little work stays on one thread", "[cpu]") {
    context ctx(4);
    std::atomic<int> pieces = 0;
    parallel_for(ctx, 1000, 1, [&](std::int64_t, std::int64_t) { ++pieces; });
    CHECK(pieces == 1);
    pieces = 0;
    parallel_for(ctx, 1000, 1000, [&](std::int64_t, std::int64_t) { ++pieces; });
    CHECK(pieces == 4);
}

TEST_CASE("fixed_chunks: cover the range whatever the number of threads", "[cpu]") {
    for (const std::int64_t count : {1, 63, 64, 65, 1000, 100003})
        for (const std::int64_t least : {1, 10, 200000}) {
            const auto split = fixed_chunks::of(count, least);
            CHECK(split.size() >= 1);
            CHECK(split.size() <= 64);
            std::vector<std::vector<std::int64_t>> bounds;
            for (const int threads : {1, 3}) {
                context ctx(threads);
                std::vector<std::int64_t> ends(static_cast<std::size_t>(split.size()));
                std::atomic<std::int64_t> covered = 0;
                parallel_chunks(ctx, split, [&](int k, std::int64_t begin, std::int64_t end) {
                    covered += end - begin;
                    ends[static_cast<std::size_t>(k)] = end;
                });
                CHECK(covered == count);
                CHECK(ends.back() == count);
                bounds.push_back(ends);
            }
            CHECK(bounds[0] == bounds[1]);
        }
    CHECK(fixed_chunks::of(0, 10).size() == 0);
}
