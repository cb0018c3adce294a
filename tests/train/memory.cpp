// How much memory training takes on a GPU, without one: the trainer's own steps on a context that
// hands out addresses and computes nothing. What cuDNN's plans need beside is not counted; each has
// less than 1 GiB (tests/cudnn).
#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/pfad.hpp>
#include <pfad/train/trainer.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

namespace counting {

/// Addresses that nothing stands behind.
class no_memory final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t) override {
        next_ += (bytes + 255) / 256 * 256;
        return reinterpret_cast<void*>(next_ - (bytes + 255) / 256 * 256);
    }
    void do_deallocate(void*, std::size_t, std::size_t) override {}
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
    std::uintptr_t next_ = std::uintptr_t(1) << 40;
};

struct context {
    using space = pfad::gpu;
    std::shared_ptr<pfad::pool> memory =
        std::make_shared<pfad::pool>(std::make_shared<no_memory>(), "of the counter");
    std::shared_ptr<pfad::pool> staging = std::make_shared<pfad::pool>();
};

struct ring {
    int count = 0;
    void push(context&, const pfad::tensor<float, 1, pfad::gpu>&) { ++count; }
    std::optional<std::vector<float>> pop() {
        if (count == 0)
            return {};
        --count;
        return std::vector<float>{1, 1};
    }
};

struct fixed_networks {};
inline fixed_networks make_fixed_networks(context&) {
    return {};
}
inline std::function<void()> repeated(context&, std::function<void()> step, fixed_networks) {
    return step;
}
inline ring make_ring(context&, int) {
    return {};
}
inline const std::shared_ptr<pfad::pool>& staging_memory(context& ctx) {
    return ctx.staging;
}
inline context& fork(context& ctx) {
    return ctx;
}
inline void join(context&) {}
inline void synchronise(context&) {}
inline bool one_kernel_pays(const context&, const pfad::shape<4>&) {
    return false; // as on a GPU
}

#define PFAD_DOES_NOTHING(launcher)                                                                \
    template <class T = void, class... A>                                                          \
    void launcher(context&, A&&...) {}
PFAD_DOES_NOTHING(copy)
PFAD_DOES_NOTHING(activation_backward)
PFAD_DOES_NOTHING(activation_forward)
PFAD_DOES_NOTHING(accumulate_forward)
PFAD_DOES_NOTHING(add_forward)
PFAD_DOES_NOTHING(attention_fuse_backward)
PFAD_DOES_NOTHING(attention_fuse_forward)
PFAD_DOES_NOTHING(batch_norm_backward_input)
PFAD_DOES_NOTHING(batch_norm_backward_sums)
PFAD_DOES_NOTHING(batch_norm_forward)
PFAD_DOES_NOTHING(batch_norm_statistics)
PFAD_DOES_NOTHING(batch_norm_update)
PFAD_DOES_NOTHING(bins_to_branches_backward)
PFAD_DOES_NOTHING(bins_to_branches_forward)
PFAD_DOES_NOTHING(branch_mix_backward)
PFAD_DOES_NOTHING(branch_mix_forward)
PFAD_DOES_NOTHING(branch_softmax_forward)
PFAD_DOES_NOTHING(cast_forward)
PFAD_DOES_NOTHING(concat_broadcast_backward)
PFAD_DOES_NOTHING(concat_channels_backward)
PFAD_DOES_NOTHING(concat_channels_forward)
PFAD_DOES_NOTHING(conv2d_backward_bias)
PFAD_DOES_NOTHING(conv2d_backward_input)
PFAD_DOES_NOTHING(conv2d_backward_weight)
PFAD_DOES_NOTHING(conv2d_forward)
PFAD_DOES_NOTHING(cosine_distance_loss_backward)
PFAD_DOES_NOTHING(cosine_distance_loss_forward)
PFAD_DOES_NOTHING(cosine_similarity_map_backward)
PFAD_DOES_NOTHING(cosine_similarity_map_forward)
PFAD_DOES_NOTHING(depthwise_conv2d_backward_bias)
PFAD_DOES_NOTHING(depthwise_conv2d_backward_input)
PFAD_DOES_NOTHING(depthwise_conv2d_backward_weight)
PFAD_DOES_NOTHING(depthwise_conv2d_forward)
PFAD_DOES_NOTHING(fill_forward)
PFAD_DOES_NOTHING(focal_l1_loss_backward)
PFAD_DOES_NOTHING(focal_l1_loss_forward)
PFAD_DOES_NOTHING(global_average_pool_backward)
PFAD_DOES_NOTHING(global_average_pool_forward)
PFAD_DOES_NOTHING(jitter_image_forward)
PFAD_DOES_NOTHING(layer_norm_backward_input)
PFAD_DOES_NOTHING(layer_norm_backward_sums)
PFAD_DOES_NOTHING(layer_norm_forward)
PFAD_DOES_NOTHING(layer_scale_add_backward_input)
PFAD_DOES_NOTHING(layer_scale_add_backward_scale)
PFAD_DOES_NOTHING(layer_scale_add_forward)
PFAD_DOES_NOTHING(max_pool2d_backward)
PFAD_DOES_NOTHING(max_pool2d_forward)
PFAD_DOES_NOTHING(mix_kernels_backward)
PFAD_DOES_NOTHING(mix_kernels_forward)
PFAD_DOES_NOTHING(multiply_forward)
PFAD_DOES_NOTHING(normalise_image_forward)
PFAD_DOES_NOTHING(resize_bilinear_backward)
PFAD_DOES_NOTHING(resize_bilinear_forward)
PFAD_DOES_NOTHING(sgd_update)
PFAD_DOES_NOTHING(spatial_pyramid_pool_backward)
PFAD_DOES_NOTHING(spatial_pyramid_pool_forward)
PFAD_DOES_NOTHING(strip_conv2d_backward_bias)
PFAD_DOES_NOTHING(strip_conv2d_backward_input)
PFAD_DOES_NOTHING(strip_conv2d_backward_sums)
PFAD_DOES_NOTHING(strip_conv2d_backward_weight)
PFAD_DOES_NOTHING(strip_conv2d_forward)
PFAD_DOES_NOTHING(strip_means_forward)
PFAD_DOES_NOTHING(synthesise_anomaly_forward)
PFAD_DOES_NOTHING(tap_means_backward)
PFAD_DOES_NOTHING(tap_means_forward)
#undef PFAD_DOES_NOTHING

} // namespace counting

using namespace pfad;

namespace {

/// GiB that the pool has taken after some steps of a stage.
template <class T>
double gibibytes(int batch, int stage) {
    const picture_folder folder;
    const std::vector<std::filesystem::path> pictures = {
        folder.picture("good.png", some_picture(16, 16, 3))};
    host_memory memory(std::make_shared<pool>());
    pfadseg_options options;
    options.batch = batch;
    options.student_iterations = stage == 1 ? 3 : 0;
    options.segmentation_iterations = stage == 2 ? 3 : 0;
    pfadseg<float> model(memory, options);
    counting::context ctx;
    train::trainer<counting::context, pfadseg, T> trainer(ctx, model, {}, pictures, pictures);
    trainer.run([](const train::training_step&) {});
    return static_cast<double>(ctx.memory->reserved_bytes()) / (1 << 30);
}

} // namespace

TEST_CASE("memory: PFADSeg at 256x256 in bf16 trains within what a GPU has", "[train]") {
    const double one_16 = gibibytes<bf16>(16, 1), two_16 = gibibytes<bf16>(16, 2);
    const double one_64 = gibibytes<bf16>(64, 1), two_64 = gibibytes<bf16>(64, 2);
    CAPTURE(one_16, two_16, one_64, two_64);
    CHECK(one_16 < 11);
    CHECK(two_16 < 11);
    CHECK(one_64 < 38);
    CHECK(two_64 < 38);
    CHECK(one_16 > 0.5); // it counts
}
