// The one place that includes the CUDA runtime. On a machine without a GPU the tests put an
// emulator of the same name in front of it.
#pragma once

#include <cuda_runtime.h>
