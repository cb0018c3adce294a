// Whole networks on a GPU: golden files, parity with the CPU, timing. One unit,
// since each of its parts would compile all kernels and the networks again.
//   gpu_networks golden DIR [DIR...] | parity | time [REPEATS]
#include "golden/check_folder.hpp"
#include "gpu/no_gpu.hpp"
#include "gpu/parity.hpp"
#include "gpu/timing.hpp"

#include <pfad/gpu.cuh>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

int main(int argc, char** argv) {
    using namespace pfad::test;
    if (!gpu_is_here("gpu_networks"))
        return cannot_run;
    const std::string job = argc > 1 ? argv[1] : "";
    try {
        if (job == "golden")
            return golden::check_folder(argc - 1, argv + 1);
        if (job == "parity")
            return run_parity();
        if (job == "time")
            return run_timing(argc > 2 ? std::atoi(argv[2]) : 30);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "gpu_networks: %s\n", problem.what());
        return 1;
    }
    std::fputs("usage: gpu_networks golden DIR [DIR...] | parity | time [REPEATS]\n", stderr);
    return 2;
}
