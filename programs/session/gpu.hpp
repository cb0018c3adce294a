// A method on the programs' GPU: everything of pfad that they run on it, compiled by nvcc.
#pragma once

#include "session_of.hpp"

#include <pfad/gpu.cuh>

template <template <class, class> class D>
std::unique_ptr<program::session> program::make_gpu(const std::string& method, bool bf16) {
    // Now, so that a machine without a GPU says so before anything else happens.
    static_cast<void>(pfad::cuda::context());
    if (bf16)
        return std::make_unique<session_of<pfad::gpu_context, D, pfad::bf16>>(method, 0);
    return std::make_unique<session_of<pfad::gpu_context, D, float>>(method, 0);
}

/// The instance for a detector.
#define PFAD_UNIT(D)                                                                               \
    template std::unique_ptr<program::session> program::make_gpu<D>(const std::string&, bool)
