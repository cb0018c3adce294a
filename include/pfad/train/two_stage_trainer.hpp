// The training of section 3 of the paper: first the student learns the teacher's features of the
// clean picture from the corrupted one, then the segmentation network learns the mask.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/augmentation.hpp>
#include <pfad/data/loader.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/optim/sgd.hpp>
#include <pfad/train/training_options.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pfad::train {

/// What one iteration reports.
struct training_step {
    int stage = 1;      ///< 1: student, 2: segmentation
    int iteration = 0;  ///< over both stages, from 0
    double cosine = 0;  ///< stage one: cosine distance a picture, over three levels
    double focal = 0;   ///< stage two
    double l1 = 0;      ///< stage two
    double seconds = 0; ///< of this iteration
    bool saved = false; ///< a checkpoint follows it
};

/// Trains a network in place. Bit for bit the same for the same options, pictures and number of
/// threads, also when it is stopped and resumed.
template <class Context>
class two_stage_trainer {
public:
    /// `checkpoint` is the file that run() writes every so often; empty for none.
    two_stage_trainer(Context& ctx,
                      pfadseg<float>& model,
                      const training_options& options,
                      std::vector<std::filesystem::path> pictures,
                      std::vector<std::filesystem::path> textures,
                      std::string checkpoint = "")
        : ctx_(ctx), model_(model), options_(options), pictures_(std::move(pictures)),
          textures_(std::move(textures)), checkpoint_(std::move(checkpoint)) {
        options_.check();
    }

    /// The next iteration.
    [[nodiscard]] int iteration() const { return iteration_; }

    /// Continues where the checkpoint was written. Throws errc::value where that run had other
    /// options, errc::io where the file is not a checkpoint.
    void resume() {
        const auto file = load_safetensors(checkpoint_);
        const auto text = [&](const char* key) {
            auto const found = file.metadata.find(key);
            if (found == file.metadata.end())
                fail(errc::io,
                     checkpoint_ + ": is not a checkpoint (it has no `" + std::string(key) + "`)");
            return found->second;
        };
        if (text("fingerprint") != fingerprint())
            fail(errc::value,
                 checkpoint_ + ": was written by a run with other options or pictures");
        const int at = detail::number_of(file, "iteration", 0, options_.iterations());
        from_state_dict(model_, file);
        iteration_ = at;
        start_stage();
        if (!at_stage_end()) {
            const auto& velocities = optimiser_->velocities();
            std::int64_t const dims[] = {velocities.size()};
            file.at("optimiser.velocities", dims)
                .copy_to(std::span<float>(velocities.data(),
                                          static_cast<std::size_t>(velocities.size())));
        }
        saved_ = iteration_;
    }

    /// Runs to the end, calling report(training_step) after each iteration. Throws errc::value for
    /// a loss that is not finite, naming the iteration and the last checkpoint.
    template <class F>
    void run(F&& report) {
        data::sampler_options samples;
        samples.size = options_.size;
        samples.batch = options_.batch;
        samples.seed = options_.seed;
        samples.rotate = options_.rotate;
        samples.opacity = options_.opacity;
        data::loader_options load;
        load.threads = options_.loader_threads;
        load.first_iteration = iteration_;
        if (iteration_ == options_.iterations())
            return;
        data::loader batches(pictures_, textures_, samples, load);
        while (iteration_ < options_.iterations()) {
            const auto begin = std::chrono::steady_clock::now();
            if (!optimiser_ || iteration_ == options_.student_iterations)
                start_stage();
            const auto batch = batches.next();
            training_step step = stage() == 1 ? student_step(batch) : segmentation_step(batch);
            step.iteration = iteration_;
            check_finite(step);
            ++iteration_;
            step.saved = options_.checkpoint_every > 0 && !checkpoint_.empty() &&
                         (iteration_ % options_.checkpoint_every == 0 ||
                          iteration_ == options_.iterations());
            step.seconds =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            // Before the checkpoint: a run that ends in between repeats the iteration, rather than
            // never telling of it.
            report(step);
            if (step.saved)
                save();
        }
        check_weights();
    }

private:
    [[nodiscard]] int stage() const { return iteration_ < options_.student_iterations ? 1 : 2; }

    // Whether the next iteration starts with a momentum of zero, or there is none.
    [[nodiscard]] bool at_stage_end() const {
        return iteration_ == 0 || iteration_ == options_.student_iterations ||
               iteration_ == options_.iterations();
    }

    // The options and what the run is fed with. Names without their folders, which may move.
    [[nodiscard]] std::string fingerprint() const {
        std::uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
        for (const auto* files : {&pictures_, &textures_})
            for (const auto& file : *files)
                for (const char c : file.filename().string() + "/")
                    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
        return options_.fingerprint() + " " + std::to_string(pictures_.size()) + " " +
               std::to_string(textures_.size()) + " " + std::to_string(hash);
    }

    // The parts that train, one optimiser a stage; the first one's momentum ends with it.
    void start_stage() {
        optimiser_.reset();
        if (iteration_ == options_.iterations())
            return;
        const sgd_options rule{options_.momentum, options_.weight_decay};
        if (stage() == 1) {
            optimiser_.emplace(ctx_, rule,
                               [&](auto&& add) { add(model_.student, options_.student_rate); });
        } else {
            auto rest = model_.segmentation.context_and_head();
            optimiser_.emplace(ctx_, rule, [&](auto&& add) {
                add(model_.segmentation.res, options_.residual_rate);
                add(rest, options_.head_rate);
            });
        }
    }

    // The teacher sees the clean picture, the student the corrupted one; no gradient for the
    // teacher.
    training_step student_step(const data::training_batch& batch) {
        tape<Context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto target = model_.teacher(fixed, constant(batch.clean));
        const auto found = model_.student(t, constant(batch.corrupted));
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        t.backward(loss);
        training_step step;
        step.stage = 1;
        step.cosine = static_cast<double>(loss.value.data()[0]) / options_.batch;
        if (std::isfinite(step.cosine))
            optimiser_->step(ctx_);
        return step;
    }

    // Teacher and student are fixed and both see the corrupted picture.
    training_step segmentation_step(const data::training_batch& batch) {
        tape<Context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto logits =
            model_.segmentation(t, model_.similarity(fixed, constant(batch.corrupted)));
        const auto mask = empty<float>(ctx_, logits.dims());
        data::downsample_mask(batch.mask.view(), mask.view());
        const auto loss = focal_l1_loss(t, logits, mask, options_.focal_gamma);
        t.backward(loss.total);
        training_step step;
        step.stage = 2;
        step.focal = static_cast<double>(loss.parts.data()[0]);
        step.l1 = static_cast<double>(loss.parts.data()[1]);
        if (std::isfinite(step.focal + step.l1))
            optimiser_->step(ctx_);
        return step;
    }

    void check_finite(const training_step& step) const {
        if (std::isfinite(step.cosine + step.focal + step.l1))
            return;
        fail_not_finite("loss of", step.iteration);
    }

    // A gradient may overflow where the loss does not; no such weights get into a file.
    void check_weights() {
        for (const auto& array : named_arrays<float>(model_))
            for (std::int64_t i = 0; i < array.size(); ++i)
                if (!std::isfinite(array.values.data[i]))
                    fail_not_finite("network after", iteration_ - 1);
    }

    [[noreturn]] void fail_not_finite(const char* what, int iteration) const {
        fail(errc::value, std::string("training: the ") + what + " iteration " +
                              std::to_string(iteration) + " is not finite; " +
                              (saved_ < 0 ? std::string("no checkpoint was written before")
                                          : "the last good checkpoint is " + checkpoint_ +
                                                " of iteration " + std::to_string(saved_)));
    }

    void save() {
        check_weights();
        auto entries = to_state_dict(model_);
        if (!at_stage_end())
            entries["optimiser.velocities"] =
                borrowed_entry(view<const float, 1>(optimiser_->velocities()));
        save_safetensors(
            checkpoint_, entries,
            {{"fingerprint", fingerprint()}, {"iteration", std::to_string(iteration_)}});
        saved_ = iteration_;
    }

    Context& ctx_;
    pfadseg<float>& model_;
    training_options options_;
    std::vector<std::filesystem::path> pictures_, textures_;
    std::string checkpoint_;
    std::optional<sgd<float>> optimiser_;
    int iteration_ = 0;
    int saved_ = -1;
};

} // namespace pfad::train
