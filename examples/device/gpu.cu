// The programs' GPU: everything of pfad that they run on it, compiled by nvcc.
#include "device_of.hpp"

#include <pfad/gpu.cuh>

std::unique_ptr<program::device> program::make_gpu(bool bf16) {
    // Now, so that a machine without a GPU says so before anything else happens.
    static_cast<void>(pfad::cuda::context());
    if (bf16)
        return std::make_unique<device_of<pfad::gpu_context, pfad::bf16>>(0);
    return std::make_unique<device_of<pfad::gpu_context, float>>(0);
}
