// PFADSeg: teacher, student and segmentation network (figure 2 of the paper).
#pragma once

#include <pfad/autograd/fork_join.hpp>
#include <pfad/models/resnet18.hpp>
#include <pfad/models/segmentation.hpp>
#include <pfad/models/student.hpp>
#include <pfad/ops/activation.hpp>
#include <pfad/ops/cosine_similarity_map.hpp>

#include <cstdint>

namespace pfad {

/// The three modules of the paper's Table 4; all off is DeSTSeg. The rows, top to bottom:
/// {.rcm = 0, .aff = 0, .pcar = 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {0, 1, 1}, {1, 1,
/// 1}.
struct pfadseg_options {
    bool rcm = true;            ///< RCM instead of ASPP in the segmentation network
    bool aff = true;            ///< AFF instead of addition in the residual blocks
    bool pcar = true;           ///< PCAR instead of the second 3x3 in the residual blocks
    bool plain_decoder = false; ///< ResNet18's own blocks in the student's decoder
    /// RCM's strip length, MLP ratio and layer scale.
    nn::rcm_options rcm_detail = {};
    nn::pcar_path pcar_path = nn::pcar_path::measured; ///< how it is computed; not in model files
};

/// A picture (n, h, w, 3), normalised with ImageNet's mean and deviation, to a map (n, h/4, w/4,
/// 1).
template <class T, class S = host>
struct pfadseg {
    pfadseg_options options; ///< what it is made of
    /// ResNet18 to layer3, fixed.
    resnet18<T, S> teacher;
    pfad::student<T, S> student;           ///< learns the teacher's features of what is good
    pfad::segmentation<T, S> segmentation; ///< maps similarities to defects

    template <class C>
    explicit pfadseg(C& ctx, pfadseg_options o = {})
        : options(o), teacher(ctx, 3, {.pcar = false, .aff = false}),
          student(ctx,
                  kind(o),
                  o.plain_decoder ? nn::block_kind{.pcar = false, .aff = false} : kind(o)),
          segmentation(ctx, kind(o), o.rcm, o.rcm_detail) {}

    auto fields() {
        return pfad::fields("teacher", teacher, "student", student, "segmentation", segmentation);
    }

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
    image<T, S> similarity(tape<C>& t, const image<T, S>& x) const {
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
    image<T, S> logits(tape<C>& t, const image<T, S>& x) const {
        return segmentation(t, similarity(t, x));
    }

    /// The anomaly map: the probability of a defect, a quarter of the picture's size.
    template <class C>
    image<T, S> operator()(tape<C>& t, const image<T, S>& x) const {
        return activate(t, sigmoid{}, logits(t, x));
    }

private:
    static nn::block_kind kind(pfadseg_options o) { return {o.pcar, o.aff, o.pcar_path}; }
};

} // namespace pfad
