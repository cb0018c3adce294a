// The CUDA kernels of the ops, in order.
#pragma once

#include <pfad/ops/activation.cuh>
#include <pfad/ops/add.cuh>
#include <pfad/ops/attention_fuse.cuh>
#include <pfad/ops/batch_norm.cuh>
#include <pfad/ops/branch_mix.cuh>
#include <pfad/ops/concat_channels.cuh>
#include <pfad/ops/conv2d.cuh>
#include <pfad/ops/cosine_distance_loss.cuh>
#include <pfad/ops/cosine_similarity_map.cuh>
#include <pfad/ops/depthwise_conv2d.cuh>
#include <pfad/ops/fill.cuh>
#include <pfad/ops/focal_l1_loss.cuh>
#include <pfad/ops/focal_loss.cuh>
#include <pfad/ops/global_average_pool.cuh>
#include <pfad/ops/l1_loss.cuh>
#include <pfad/ops/layer_scale_add.cuh>
#include <pfad/ops/max_pool2d.cuh>
#include <pfad/ops/multiply.cuh>
#include <pfad/ops/normalise_image.cuh>
#include <pfad/ops/resize_bilinear.cuh>
#include <pfad/ops/sgd.cuh>
#include <pfad/ops/spatial_pyramid_pool.cuh>
#include <pfad/ops/strip_pool.cuh>
#include <pfad/ops/synthesise_anomaly.cuh>
#include <pfad/ops/top_k_mean.cuh>
