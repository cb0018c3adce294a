// PFADSeg (figure 2 of the paper): a teacher, a denoising student and a segmentation network. All
// modules off is DeSTSeg.
#pragma once

#include <pfad/autograd/fork_join.hpp>
#include <pfad/backbones/resnet18.hpp>
#include <pfad/data/batches/perlin.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/nn/aspp.hpp>
#include <pfad/nn/rcm.hpp>
#include <pfad/nn/residual_block.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/weigh_by_distance.hpp>

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

namespace pfad {

/// What PFADSeg's anomaly map is.
enum class pfadseg_map {
    segmentation, ///< what the segmentation network says, as published
    product       ///< that times the mean cosine distance of teacher and student
};
/// Their names in files and on command lines.
inline constexpr std::string_view pfadseg_map_names[] = {"segmentation", "product"};

/// The defaults are the paper's (section 4.3); what it leaves open follows its baseline, DeSTSeg. The
/// modules are those of Table 4. The rows, top to bottom: {.rcm = 0, .aff = 0, .pcar = 0}, {1, 0, 0},
/// {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {0, 1, 1}, {1, 1, 1}.
struct pfadseg_options {
    bool rcm = true;            ///< RCM instead of ASPP in the segmentation network
    bool aff = true;            ///< AFF instead of addition in the residual blocks
    bool pcar = true;           ///< PCAR instead of the second 3x3 in the residual blocks
    bool plain_decoder = false; ///< ResNet18's own blocks in the student's decoder
    /// Of the branches of AFF and ASPP that see one vector a picture; published: batch.
    nn::pooled_norm pooled_norm = nn::pooled_norm::batch;
    pfadseg_map map = pfadseg_map::segmentation; ///< what scores and outlines come from
    /// RCM's strip length, MLP ratio and layer scale.
    nn::rcm_options rcm_detail = {};
    nn::pcar_path pcar_path = nn::pcar_path::measured; ///< how it is computed; not in model files

    int batch = 16;                     ///< two or more: batch norm sees 1x1 maps
    int student_iterations = 3000;      ///< stage one
    int segmentation_iterations = 4000; ///< stage two
    double student_rate = 0.5;          ///< learning rate of stage one
    double residual_rate = 0.1;         ///< of the segmentation network's residual blocks
    double head_rate = 0.01;            ///< of RCM (or ASPP) and what follows
    int warmup = 0;        ///< iterations over which a stage's learning rates rise to their values
    double momentum = 0.9; ///< what stays of the velocity
    double weight_decay = 1e-4;               ///< of every parameter
    double focal_gamma = 4;                   ///< exponent of the focal loss
    data::opacity_range opacity = {};         ///< of textures in anomalies
    data::jitter jitter = data::jitter::none; ///< of the light and place of good pictures

    /// All of them but pcar_path.
    option_list list() {
        const auto network = option_kind::network, training = option_kind::training;
        return {
            {"rcm", &rcm, "RCM (off: ASPP)", network},
            {"aff", &aff, "AFF (off: addition)", network},
            {"pcar", &pcar, "PCAR (off: one 3x3 convolution)", network},
            {"plain_decoder", &plain_decoder, "plain blocks in the student's decoder", network},
            {.name = "pooled_norm",
             .value = choice(&pooled_norm, nn::pooled_norm_names),
             .meaning = "norm where AFF and ASPP see one vector a picture",
             .kind = network,
             .before = "batch"},
            {.name = "map", // no array hangs on it, so a trained model may change it
             .value = choice(&map, pfadseg_map_names),
             .meaning = "the anomaly map",
             .kind = training,
             .before = "segmentation"},
            {"rcm_band", &rcm_detail.band, "length of RCM's strips, odd", network, 1, 1023},
            {"rcm_mlp_ratio", &rcm_detail.mlp_ratio, "width of RCM's MLP", network, 1, 64},
            {"layer_scale", &rcm_detail.layer_scale, "start of RCM's layer scale", training,
             -any_size, any_size},
            {"batch", &batch, "pictures an iteration", training, 2, 1 << 20},
            {"student_iterations", &student_iterations, "stage one", training, 0, most_iterations},
            {"segmentation_iterations", &segmentation_iterations, "stage two", training, 0,
             most_iterations},
            {"student_rate", &student_rate, "learning rate of stage one", training, above_zero,
             any_size},
            {"residual_rate", &residual_rate, "of the residual blocks in stage two", training,
             above_zero, any_size},
            {"head_rate", &head_rate, "of what follows them", training, above_zero, any_size},
            {"warmup", &warmup, "iterations over which the rates rise in each stage", training, 0,
             most_iterations},
            {"momentum", &momentum, "what stays of the velocity", training, 0, 0.999999},
            {"weight_decay", &weight_decay, "of every parameter", training, 0, any_size},
            {"focal_gamma", &focal_gamma, "exponent of the focal loss", training, 0, any_size},
            {"opacity_low", &opacity.low, "of painted anomalies", training, 0, 1},
            {"opacity_high", &opacity.high, "of painted anomalies", training, 0, 1},
            {"jitter", choice(&jitter, data::jitter_names), "of light and place of good pictures",
             training},
        };
    }

    /// Throws errc::value for a number out of its range, or where pictures of size x size leave batch
    /// norm too few values.
    void check(int size) const {
        check_options(pfadseg_options(*this).list());
        expect(opacity.low <= opacity.high, "training", "opacity_low is at most opacity_high");
        expect(rcm_detail.band % 2 == 1, "training", "rcm_band is odd");
        const std::int64_t deepest = (size + 31) / 32;
        expect(batch * deepest * deepest >= 4, "training",
               "batch norm on the deepest maps, 1/32 of the size, needs four values or more: a "
               "larger batch or size");
    }
};

/// The denoising student (section 3.1): an encoder and its mirror image, no skips. PA_SE1..4 and
/// PA_SD4..1; bilinear upsampling in front of decoder stages 3, 2 and 1.
template <class T, class S = host>
struct student {
    /// PA_SE1..4.
    resnet18<T, S> encoder;
    /// PA_SD4..1: two residual blocks each.
    nn::stage<T, S> decoder4, decoder3, decoder2, decoder1;

    /// `decoder` may differ from `kind`: the paper can be read as having plain blocks there.
    template <class C>
    student(C& ctx, nn::block_kind kind, nn::block_kind decoder)
        : encoder(ctx, 4, kind), decoder4(ctx, 512, 512, 1, decoder),
          decoder3(ctx, 512, 256, 1, decoder), decoder2(ctx, 256, 128, 1, decoder),
          decoder1(ctx, 128, 64, 1, decoder) {}

    auto fields() {
        return pfad::fields("encoder", encoder, "decoder4", decoder4, "decoder3", decoder3,
                            "decoder2", decoder2, "decoder1", decoder1);
    }

    /// x (n, h, w, 3) to three feature maps in the order and shapes of the teacher's.
    template <class C>
    [[nodiscard]] std::vector<maps<T, S>> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto e = encoder(t, x);
        const auto up = [&](const maps<T, S>& from, const maps<T, S>& like) {
            return resize_bilinear(t, from, like.extent(1), like.extent(2));
        };
        const auto d4 = decoder4(t, e[3]);
        const auto d3 = decoder3(t, up(d4, e[2]));
        const auto d2 = decoder2(t, up(d3, e[1]));
        return {decoder1(t, up(d2, e[0])), d2, d3};
    }
};

/// The segmentation network (section 3.3). Two residual blocks to 256 channels, RCM (or ASPP), 3x3,
/// BN, ReLU, 1x1 to one channel.
template <class T, class S = host>
struct segmentation {
    static constexpr int input_channels = 448; ///< 64 + 128 + 256 similarities
    static constexpr int width = 256;          ///< channels of its inside

    nn::stage<T, S> res;                ///< two residual blocks, 448 to 256 channels
    std::optional<nn::rcm<T, S>> rcm;   ///< the context module, or
    std::optional<nn::aspp<T, S>> aspp; ///< what it replaces
    /// 3x3.
    nn::conv2d<T, S> head;
    nn::batch_norm<T, S> head_bn; ///< behind head, with ReLU
    /// 1x1 to one logit a pixel.
    nn::conv2d<T, S> out;

    /// With RCM, or ASPP in its place.
    template <class C>
    segmentation(C& ctx, nn::block_kind kind, bool with_rcm, nn::rcm_options o = {})
        : res(ctx, input_channels, width, 1, kind), head(ctx, {.in = width, .out = width}),
          head_bn(ctx, width), out(ctx, {.in = width, .out = 1, .kernel = 1, .bias = true}) {
        if (with_rcm)
            rcm.emplace(ctx, width, o);
        else
            aspp.emplace(ctx, width, width, kind.pooled);
    }

    auto fields() {
        return pfad::fields("res", res, "context", rcm, "context", aspp, "head", head, "head_bn",
                            head_bn, "out", out);
    }
    /// Everything behind `res`: the part that trains at the lower rate.
    struct tail_fields {
        segmentation& net; ///< whose tail it is
        auto fields() {
            return pfad::fields("context", net.rcm, "context", net.aspp, "head", net.head,
                                "head_bn", net.head_bn, "out", net.out);
        }
    };
    /// The part that trains at the lower rate, as a module.
    tail_fields context_and_head() { return {*this}; }

    /// Similarities (n, h, w, 448) to logits (n, h, w, 1); their sigmoid is the anomaly map.
    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto y = res(t, x);
        const auto z = rcm ? (*rcm)(t, y) : (*aspp)(t, y);
        return out(t, head(t, z, head_bn, post::relu));
    }
};

/// A picture (n, h, w, 3), normalised with ImageNet's mean and deviation, to a map (n, h/4, w/4,
/// 1).
template <class T, class S = host>
struct pfadseg {
    pfadseg_options options; ///< what it is made of, and how it is trained
    /// ResNet18 to layer3, fixed.
    resnet18<T, S> teacher;
    pfad::student<T, S> student;           ///< learns the teacher's features of what is good
    pfad::segmentation<T, S> segmentation; ///< maps similarities to defects

    /// Scores are probabilities.
    static constexpr score_range scores{};

    /// The paper's, and its baseline.
    [[nodiscard]] static std::vector<method<pfadseg_options>> methods() {
        return {{"pfadseg", "PFADSeg", {}},
                {"destseg", "DeSTSeg", {.rcm = false, .aff = false, .pcar = false}}};
    }

    /// Uninitialised, of these options.
    template <class C>
    explicit pfadseg(C& ctx, pfadseg_options o = {})
        : options(o), teacher(ctx, 3),
          student(ctx, kind(o), o.plain_decoder ? nn::block_kind{} : kind(o)),
          segmentation(ctx, kind(o), o.rcm, o.rcm_detail) {}

    auto fields() {
        return pfad::fields("teacher", teacher, "student", student, "segmentation", segmentation);
    }
    /// What ImageNet's ResNet18 fills.
    auto pretrained() { return pfad::fields("teacher", teacher); }

    /// Kaiming for the residual blocks, PyTorch's default for what follows them, as DeSTSeg has it.
    void initialise(std::uint64_t seed) {
        pfad::initialise(teacher, "teacher", initialiser::kaiming_fan_out, seed);
        pfad::initialise(student, "student", initialiser::kaiming_fan_out, seed);
        pfad::initialise(segmentation.res, "segmentation.res", initialiser::kaiming_fan_out, seed);
        auto rest = segmentation.context_and_head();
        pfad::initialise(rest, "segmentation", initialiser::uniform_fan_in, seed);
    }

    /// Equation (2): what the segmentation network sees, (n, h/4, w/4, 448).
    template <class C>
    maps<T, S> similarity(tape<C>& t, const maps<T, S>& x) const {
        // A gradient goes through both; where none is wanted they may run at the same time.
        if (t.phase == mode::train || t.record_ops == recording::on)
            return cosine_similarity_map(t, teacher(t, x), student(t, x));
        const auto [target, found] = fork_join(
            t, [&](auto& side) { return teacher(side, x); },
            [&](auto& own) { return student(own, x); });
        return cosine_similarity_map(t, target, found);
    }

    /// Logits of the anomaly map.
    template <class C>
    maps<T, S> logits(tape<C>& t, const maps<T, S>& x) const {
        return segmentation(t, similarity(t, x));
    }

    /// The anomaly map, a quarter of the picture's size: the probability of a defect, or what
    /// options.map makes of it. Only the former has a gradient.
    template <class C>
    maps<T, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto found = similarity(t, x);
        const auto map = activate(t, sigmoid{}, segmentation(t, found));
        if (options.map == pfadseg_map::segmentation)
            return map;
        const int levels = 3;
        return constant(weigh_by_distance(t.context, found.value, map.value, levels));
    }

    /// Section 3: first the student learns the teacher's features of the clean picture from the
    /// corrupted one, then the segmentation network learns the mask.
    static auto stages(const pfadseg_options& o) {
        const sgd_options rule{o.momentum, o.weight_decay};
        return std::tuple(
            stage(
                {.name = "student",
                 .meaning = "Cosine distance of student and teacher features, summed over three "
                            "levels, a picture.",
                 .losses = {{"cosine", loss_scale::picture}},
                 .iterations = o.student_iterations,
                 .rule = rule,
                 .schedule = {o.warmup}},
                data::perlin{o.opacity, o.jitter},
                [o](auto& m) { return std::tuple(parameter_group(m.student, o.student_rate)); },
                [](const auto& m, auto& t, const auto& x) { return m.student_losses(t, x); }),
            stage(
                {.name = "segmentation",
                 .meaning = "Against the masks of the synthetic anomalies.",
                 .losses = {{"focal"}, {"l1"}},
                 .iterations = o.segmentation_iterations,
                 .rule = rule,
                 .schedule = {o.warmup}},
                data::perlin{o.opacity, o.jitter},
                [o](auto& m) {
                    return std::tuple(
                        parameter_group(m.segmentation.res, o.residual_rate),
                        parameter_group(m.segmentation.context_and_head(), o.head_rate));
                },
                [](const auto& m, auto& t, const auto& x) { return m.segmentation_losses(t, x); }));
    }

    /// Equations (3) and (4). The teacher sees the clean picture, the student the corrupted one; no
    /// gradient for the teacher.
    template <class C>
    [[nodiscard]] stage_losses<accumulator_t<T>, S>
    student_losses(tape<C>& t, const data::corrupted_pictures<T, S>& x) const {
        const auto [target, found] = fork_join(
            t, [&](auto& side) { return teacher(side, constant(x.clean)); },
            [&](auto& own) { return student(own, constant(x.corrupted)); });
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        return {loss, loss.value};
    }

    /// Teacher and student are fixed and both see the corrupted picture. A mask of the map's size
    /// is 1 where the interpolated one is at least a half, which is how the loss reads it.
    template <class C>
    [[nodiscard]] stage_losses<accumulator_t<T>, S>
    segmentation_losses(tape<C>& t, const data::corrupted_pictures<T, S>& x) const {
        tape<C> fixed(t.context, mode::eval);
        const auto found = segmentation(t, similarity(fixed, constant(x.corrupted)));
        const auto mask =
            resize_bilinear(fixed, constant(x.mask), found.extent(1), found.extent(2));
        const auto loss = focal_l1_loss(t, found, mask.value, options.focal_gamma);
        return {loss.total, loss.parts};
    }

private:
    static nn::block_kind kind(const pfadseg_options& o) {
        return {o.pcar, o.aff, o.pcar_path, o.pooled_norm};
    }
};

} // namespace pfad
