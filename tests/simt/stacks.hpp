// The stacks of the fibers, and what AddressSanitizer is told when one is left for another.
#pragma once

#include "sanitizers.hpp"
#include "simt.hpp"

#include <sys/mman.h>

#include <cstddef>

namespace simt {

/// One stack for each thread of the largest block, kept over launches, a guard page below each.
class stacks {
public:
    stacks() = default;
    stacks(const stacks&) = delete;
    stacks& operator=(const stacks&) = delete;
    ~stacks() {
        if (base_ != nullptr)
            munmap(base_, threads_limit * stride);
    }

    /// Makes the first `count` stacks usable.
    void provide(unsigned count) {
        if (base_ == nullptr)
            base_ = map(nullptr, threads_limit * stride, 0);
        for (; provided_ < count; ++provided_)
            if (mprotect(base_ + provided_ * stride, guard, PROT_NONE) != 0)
                throw error("simt: no guard page for a stack");
    }

    [[nodiscard]] char* bottom(unsigned i) const { return base_ + i * stride + guard; }

    /// Where the stack begins, growing down. Tops at the same place of every page would compete for
    /// the same lines of the cache.
    [[nodiscard]] char* top(unsigned i) const { return bottom(i) + size - i % 16 * 256; }

    /// Lets ThreadSanitizer forget whose the stack was.
    void renew([[maybe_unused]] unsigned i) const {
#ifdef SIMT_TSAN
        map(bottom(i), size, MAP_FIXED);
#endif
    }

    /// Lets AddressSanitizer forget the functions that will never return.
    void abandon([[maybe_unused]] unsigned i) const {
#ifdef SIMT_ASAN
        __asan_unpoison_memory_region(bottom(i), size);
#endif
    }

#ifdef SIMT_ASAN
    static constexpr std::size_t size = 256 * 1024; // redzones make frames larger
#else
    static constexpr std::size_t size = 64 * 1024;
#endif

    static constexpr std::size_t usable = size - 4096; // below top(i)

private:
    static constexpr std::size_t guard = 4096, stride = size + guard;

    static char* map(char* where, std::size_t bytes, int more) {
        void* const p = mmap(where, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more, -1, 0);
        if (p == MAP_FAILED)
            throw error("simt: no memory for stacks");
        return static_cast<char*>(p);
    }

    char* base_ = nullptr;
    unsigned provided_ = 0;
};

/// AddressSanitizer is told of the stack before each jump, and that it arrived after.
struct stack_switch {
    void* saved = nullptr;

    void leave([[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#ifdef SIMT_ASAN
        __sanitizer_start_switch_fiber(&saved, bottom, size);
#endif
    }
    /// The stack that is left will not be come back to.
    static void leave_for_good([[maybe_unused]] const void* bottom,
                               [[maybe_unused]] std::size_t size) {
#ifdef SIMT_ASAN
        __sanitizer_start_switch_fiber(nullptr, bottom, size);
#endif
    }
    void arrive([[maybe_unused]] const void** bottom, [[maybe_unused]] std::size_t* size) const {
#ifdef SIMT_ASAN
        __sanitizer_finish_switch_fiber(saved, bottom, size);
#endif
    }
};

} // namespace simt
