// How a program ends where there is no GPU: one sentence and a status of its own.
#pragma once

#include <pfad/cuda/context.hpp>

#include <cstdio>

namespace pfad::test {

/// As CTest has it: the test cannot run here.
inline constexpr int cannot_run = 77;

/// Whether a GPU can be used; else says so.
[[nodiscard]] inline bool gpu_is_here(const char* program) {
    try {
        const cuda::context here;
        return true;
    } catch (const error& problem) {
        std::fprintf(stderr, "%s: %s\n", program, problem.what());
        return false;
    }
}

} // namespace pfad::test
