// Where the programs compute: on the CPU, and on a GPU where nvcc compiled them.
#pragma once

#include "program.hpp"

#include <pfad/pfadseg.hpp>
#if defined(__CUDACC__)
#include <pfad/gpu.cuh>
#endif

#include <string>

namespace program {

/// What the command line says of it.
struct device_options {
    std::string device = "cpu";
    std::string precision = "float";
    int threads = 0;

    void add_to(CLI::App& app) {
        app.add_option("--device", device, "cpu, or cuda for a GPU")
            ->check(CLI::IsMember({"cpu", "cuda"}))
            ->capture_default_str();
        app.add_option("--precision", precision,
                       "of activations: float (TF32 on a GPU), or bf16 on a GPU")
            ->check(CLI::IsMember({"float", "bf16"}))
            ->capture_default_str();
        app.add_option("--threads", threads, "of the CPU; 0: one per processor")
            ->check(thread_range)
            ->capture_default_str();
    }
};

/// Calls f.operator()<Context, T>(what a Context is made of) for what the options say. Throws
/// errc::unsupported where this program has not got it.
template <class F>
int on_device(const device_options& o, F&& f) {
    if (o.device == "cpu") {
        if (o.precision == "bf16")
            pfad::fail(pfad::errc::unsupported, "--precision bf16 is for --device cuda");
        return f.template operator()<pfad::context, float>(o.threads);
    }
#if defined(__CUDACC__)
    if (o.precision == "bf16")
        return f.template operator()<pfad::gpu_context, pfad::bf16>(0);
    return f.template operator()<pfad::gpu_context, float>(0);
#else
    pfad::fail(pfad::errc::unsupported,
               "--device cuda: this program was built for the CPU alone; configure pfad with "
               "-D PFAD_CUDA=ON where nvcc and cuDNN are");
#endif
}

} // namespace program
