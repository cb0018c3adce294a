// bench_kernels: every benchmark of an op on a GPU, in float and bf16, and with them an instance of
// every kernel. One unit, since each of its parts would compile all of cuda.cuh again.
//   bench_kernels --benchmark_filter=cosine --benchmark_repetitions=5
#include "ops/activation.cpp"
#include "ops/add.cpp"
#include "ops/attention_fuse.cpp"
#include "ops/batch_norm.cpp"
#include "ops/branch_conv2d.cpp"
#include "ops/branch_mix.cpp"
#include "ops/branch_pyramid_pool.cpp"
#include "ops/cast.cpp"
#include "ops/concat_channels.cpp"
#include "ops/conv2d.cpp"
#include "ops/conv2d_batch_norm.cpp"
#include "ops/cosine_distance_loss.cpp"
#include "ops/cosine_similarity_map.cpp"
#include "ops/depthwise_conv2d.cpp"
#include "ops/fill.cpp"
#include "ops/focal_l1_loss.cpp"
#include "ops/focal_loss.cpp"
#include "ops/global_average_pool.cpp"
#include "ops/jitter_image.cpp"
#include "ops/l1_loss.cpp"
#include "ops/layer_norm.cpp"
#include "ops/layer_scale_add.cpp"
#include "ops/max_pool2d.cpp"
#include "ops/multiply.cpp"
#include "ops/normalise_image.cpp"
#include "ops/resize_bilinear.cpp"
#include "ops/sgd.cpp"
#include "ops/spatial_pyramid_pool.cpp"
#include "ops/strip_conv2d.cpp"
#include "ops/synthesise_anomaly.cpp"
#include "ops/top_k_mean.cpp"
#include "ops/unit_distance_map.cpp"
#include "ops/weigh_by_distance.cpp"

#include <cstdio>

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    try {
        const pfad::cuda::context here;
    } catch (const pfad::error& problem) {
        std::fprintf(stderr, "bench_kernels: %s\n", problem.what());
        return 77; // cannot run here
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
