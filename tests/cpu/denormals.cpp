#include "support/catch.hpp"

#include <pfad/cpu/denormals.hpp>
#include <pfad/cpu/parallel.hpp>

#include <atomic>
#include <limits>

using namespace pfad;

namespace {

/// Whether half of the smallest normal number is zero on this thread.
bool flushed() {
    volatile float smallest = std::numeric_limits<float>::min();
    volatile float half = smallest * 0.5f;
    return half == 0;
}

} // namespace

#if defined(__x86_64__) || defined(__aarch64__)

TEST_CASE("flush_denormals: inside of its scope alone", "[cpu]") {
    CHECK_FALSE(flushed());
    {
        const cpu::flush_denormals scope;
        CHECK(flushed());
        {
            const cpu::flush_denormals inner;
            CHECK(flushed());
        }
        CHECK(flushed());
    }
    CHECK_FALSE(flushed());
}

TEST_CASE("flush_denormals: every part of a loop, and the caller's mode stays", "[cpu]") {
    for (const int threads : {1, 3}) {
        cpu::context ctx(threads);
        std::atomic<int> count = 0;
        cpu::run_parts(ctx, 7, [&](int) { count += flushed() ? 1 : 0; });
        CHECK(count == 7);
        CHECK_FALSE(flushed());
    }
}

#endif
