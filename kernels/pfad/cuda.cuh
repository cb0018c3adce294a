// The GPU: pfad.hpp, the CUDA context, captured steps, and every kernel. Compile with nvcc, or with
// a C++ compiler and an emulator's cuda_runtime.h.
#pragma once

#include <pfad/cuda/copy.hpp>
#include <pfad/cuda/queue.hpp>
#include <pfad/ops/all.cuh>
#include <pfad/pfad.hpp>
