// Runs before everything else in a program, and on every processor of the kind: tells of instructions that
// this one lacks, where the program would die of them without a word.
#include "needs.hpp"

#include <errno.h> // GNU's program_invocation_short_name
#include <unistd.h>

#include <cstdio>

#if defined(__x86_64__)
namespace {

void expect_instructions(const char* name, bool here) {
    if (here)
        return;
    std::fprintf(stderr,
                 "%s: was compiled for a processor with %s, which this one has not got; the preset "
                 "portable compiles for any\n",
                 program_invocation_short_name, name);
    ::_exit(2);
}

__attribute__((constructor(101))) void check_processor() {
    __builtin_cpu_init();
    expect_instructions("AVX2, FMA and BMI2", !needs_avx2 || (__builtin_cpu_supports("avx2") &&
                                                              __builtin_cpu_supports("fma") &&
                                                              __builtin_cpu_supports("bmi2")));
    expect_instructions("AVX-512", !needs_avx512 || (__builtin_cpu_supports("avx512f") &&
                                                     __builtin_cpu_supports("avx512bw") &&
                                                     __builtin_cpu_supports("avx512dq") &&
                                                     __builtin_cpu_supports("avx512vl")));
    expect_instructions("AVX-512 VBMI", !needs_avx512_vbmi || __builtin_cpu_supports("avx512vbmi"));
}

} // namespace
#endif
