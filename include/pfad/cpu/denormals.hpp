// Denormal numbers as zero: an untrained network makes enough of them to run 60 times slower.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace pfad::cpu {

/// Flushes denormals to zero on this thread until the end of the scope, then restores its mode.
class flush_denormals {
public:
#if defined(__x86_64__)
    flush_denormals() : before_(_mm_getcsr()) {
        _mm_setcsr(before_ | 0x8040u);
    } // FTZ and DAZ
    ~flush_denormals() {
        _mm_setcsr(before_);
    }
#elif defined(__aarch64__)
    flush_denormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before_));
        asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t(1) << 24)));
    }
    ~flush_denormals() {
        asm volatile("msr fpcr, %0" ::"r"(before_));
    }
#else
    flush_denormals() {}
    ~flush_denormals() {}
#endif
    flush_denormals(const flush_denormals&) = delete;
    flush_denormals& operator=(const flush_denormals&) = delete;

private:
#if defined(__x86_64__)
    unsigned before_;
#elif defined(__aarch64__)
    std::uint64_t before_;
#endif
};

} // namespace pfad::cpu
