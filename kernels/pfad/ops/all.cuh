// The CUDA kernels of the ops, in order.
#pragma once

#include <pfad/ops/activation.cuh>
#include <pfad/ops/add.cuh>
#include <pfad/ops/fill.cuh>
#include <pfad/ops/layer_scale_add.cuh>
