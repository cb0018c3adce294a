// STPM (Wang et al., Student-Teacher Feature Pyramid Matching, BMVC 2021): a student of the teacher's own
// form learns its features of good pictures. Where it points elsewhere, there is something new.
#pragma once

#include <pfad/autograd/fork_join.hpp>
#include <pfad/backbones/resnet18.hpp>
#include <pfad/data/batches/clean.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/multiply.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/top_k_mean.hpp>
#include <pfad/ops/unit_distance_map.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

namespace pfad {

/// The defaults are those of the authors' code; the iterations are 100 epochs of some 220 pictures.
struct stpm_options {
    int batch = 32;             ///< one is enough: batch norm sees maps of four values or more
    int iterations = 700;       ///< updates of the student
    double rate = 0.4;          ///< learning rate
    double momentum = 0.9;      ///< what stays of the velocity
    double weight_decay = 1e-4; ///< of every parameter

    /// All of them.
    option_list list() {
        const auto training = option_kind::training;
        return {
            {"batch", &batch, "pictures an iteration", training, 1, 1 << 20},
            {"iterations", &iterations, "of the student", training, 0, most_iterations},
            {"rate", &rate, "learning rate", training, above_zero, any_size},
            {"momentum", &momentum, "what stays of the velocity", training, 0, 0.999999},
            {"weight_decay", &weight_decay, "of every parameter", training, 0, any_size},
        };
    }

    /// Throws errc::value for a number out of its range. Pictures of any size do.
    void check(int) const { check_options(stpm_options(*this).list()); }
};

/// A picture (n, h, w, 3), normalised with ImageNet's mean and deviation, to a map (n, h, w, 1), as the
/// paper has it. The authors' code leaves out the halves and multiplies before it resizes, so that its
/// values and thresholds are others.
template <class T, class S = host>
struct stpm {
    stpm_options options; ///< how it is trained
    /// ResNet18 to layer3, fixed.
    resnet18<T, S> teacher;
    resnet18<T, S> student; ///< learns the teacher's features of what is good

    /// A product of three distances of at most 2, tiny where the student has learnt to follow.
    static constexpr score_range scores{std::numeric_limits<float>::min(), 8, false,
                                        "highest pixel"};

    /// The paper's.
    [[nodiscard]] static std::vector<method<stpm_options>> methods() {
        return {{"stpm", "STPM", {}}};
    }

    /// Uninitialised, of these options.
    template <class C>
    explicit stpm(C& ctx, stpm_options o = {}) : options(o), teacher(ctx, 3), student(ctx, 3) {}

    auto fields() { return pfad::fields("teacher", teacher, "student", student); }
    /// What ImageNet's ResNet18 fills.
    auto pretrained() { return pfad::fields("teacher", teacher); }

    /// Kaiming, as torchvision has it.
    void initialise(std::uint64_t seed) {
        pfad::initialise(teacher, "teacher", initialiser::kaiming_fan_out, seed);
        pfad::initialise(student, "student", initialiser::kaiming_fan_out, seed);
    }

    /// The anomaly map, of the picture's size; of bf16 in float, as products of three small numbers are
    /// tiny.
    template <class C>
    maps<accumulator_t<T>, S> operator()(tape<C>& t, const maps<T, S>& x) const {
        const auto [target, found] = levels(t, x);
        return distance_map(t, target, found, x.extent(1), x.extent(2));
    }
    /// The highest pixel of each map.
    template <class C, class U>
    [[nodiscard]] static tensor<U, 1, S> score(C& ctx, const tensor<U, 4, S>& maps) {
        return top_k_mean(ctx, maps, 1);
    }

    /// The distances of all levels, each resized to h x w, multiplied.
    template <class C>
    static maps<accumulator_t<T>, S> distance_map(tape<C>& t,
                                                  const std::vector<maps<T, S>>& target,
                                                  const std::vector<maps<T, S>>& found,
                                                  std::int64_t h,
                                                  std::int64_t w) {
        const auto level = [&](std::size_t k) {
            const auto d = unit_distance_map(t.context, target[k].value, found[k].value);
            return resize_bilinear(t, constant(d), h, w);
        };
        auto product = level(0);
        for (std::size_t k = 1; k < found.size(); ++k)
            product = multiply(t, product, level(k));
        return product;
    }

    /// |t - s|^2 of the unit vectors, its means over the maps summed over levels and pictures.
    template <class C>
    static variable<accumulator_t<T>, 1, S> distance_loss(tape<C>& t,
                                                          const std::vector<maps<T, S>>& target,
                                                          const std::vector<maps<T, S>>& found) {
        auto half = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t k = 1; k < found.size(); ++k)
            half = add(t, half, cosine_distance_loss(t, target[k], found[k]));
        return add(t, half, half);
    }

    /// One: the student learns from good pictures.
    static auto stages(const stpm_options& o) {
        return std::tuple(stage(
            {.name = "student",
             .meaning = "Squared distance of the student's unit feature vectors from the "
                        "teacher's, summed over three levels, a picture.",
             .losses = {{"distance", loss_scale::picture}},
             .iterations = o.iterations,
             .rule = {o.momentum, o.weight_decay}},
            data::clean{}, [o](auto& m) { return std::tuple(parameter_group(m.student, o.rate)); },
            [](const auto& m, auto& t, const auto& x) { return m.student_losses(t, x); }));
    }

    /// What the authors' code minimises at this rate: the mean over the batch.
    template <class C>
    [[nodiscard]] stage_losses<accumulator_t<T>, S>
    student_losses(tape<C>& t, const data::clean_pictures<T, S>& x) const {
        const auto [target, found] = levels(t, constant(x.clean));
        const auto loss = distance_loss(t, target, found);
        return {loss, loss.value, 1.0 / static_cast<double>(x.clean.extent(0))};
    }

private:
    // Three levels of the teacher, evaluated, and of the student.
    template <class C>
    auto levels(tape<C>& t, const maps<T, S>& x) const {
        return fork_join(
            t, [&](auto& side) { return teacher(side, x); },
            [&](auto& own) { return student(own, x); });
    }
};

} // namespace pfad
