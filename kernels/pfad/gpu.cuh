// The GPU with everything that PFADSeg needs: cuda.cuh, and the dense convolutions by cuDNN. Compile
// with nvcc, link with -lcudnn.
#pragma once

#include <pfad/cuda.cuh>
#include <pfad/cudnn/conv2d.hpp>

namespace pfad {

/// Networks in `gpu` memory run on this.
using gpu_context = cudnn::context;

} // namespace pfad
