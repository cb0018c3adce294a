// Every op.
#pragma once

#include <pfad/ops/activation.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/attention_fuse.hpp>
#include <pfad/ops/batch_norm.hpp>
#include <pfad/ops/branch_mix.hpp>
#include <pfad/ops/concat_channels.hpp>
#include <pfad/ops/conv2d.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/depthwise_conv2d.hpp>
#include <pfad/ops/fill.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/ops/focal_loss.hpp>
#include <pfad/ops/global_average_pool.hpp>
#include <pfad/ops/l1_loss.hpp>
#include <pfad/ops/layer_scale_add.hpp>
#include <pfad/ops/max_pool2d.hpp>
#include <pfad/ops/multiply.hpp>
#include <pfad/ops/normalise_image.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/sgd.hpp>
#include <pfad/ops/spatial_pyramid_pool.hpp>
#include <pfad/ops/strip_pool.hpp>
#include <pfad/ops/synthesise_anomaly.hpp>
#include <pfad/ops/top_k_mean.hpp>
