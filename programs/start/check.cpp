// Runs before everything else in a program, and on every processor of the kind: tells of instructions that this
// one lacks, where the program would die of them without a word.
#include "needs.hpp"

#include <errno.h> // GNU's program_invocation_short_name
#include <unistd.h>

#include <cstdio>

namespace {

#if defined(__x86_64__)
__attribute__((constructor(101))) void check_processor() {
    __builtin_cpu_init();
    const bool has[] = {
        __builtin_cpu_supports("avx") != 0,
        __builtin_cpu_supports("avx2") != 0,
        __builtin_cpu_supports("fma") != 0,
        __builtin_cpu_supports("bmi2") != 0,
        __builtin_cpu_supports("avx512f") != 0,
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl"),
        __builtin_cpu_supports("avx512vbmi") != 0,
    };
    for (unsigned i = 0; processor_needs[i].name != nullptr; ++i)
        if (processor_needs[i].needed && !has[i]) {
            std::fprintf(
                stderr,
                "%s: was compiled for a processor with %s, which this one has not got; the "
                "preset portable compiles for any\n",
                program_invocation_short_name, processor_needs[i].name);
            ::_exit(2);
        }
}
#endif

} // namespace
