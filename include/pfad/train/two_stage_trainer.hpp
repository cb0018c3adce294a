// The training of section 3 of the paper: first the student learns the teacher's features of the
// clean picture from the corrupted one, then the segmentation network learns the mask.
#pragma once

#include <pfad/autograd/fork_join.hpp>
#include <pfad/core/error.hpp>
#include <pfad/data/loader.hpp>
#include <pfad/data/training_batch.hpp>
#include <pfad/models/device_network.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/ops/add.hpp>
#include <pfad/ops/cosine_distance_loss.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/optim/sgd.hpp>
#include <pfad/train/training_options.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
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

/// Trains a network on the context's device, in activations of T; the network itself is on the host
/// and has the result when run() returns. Bit for bit the same for the same options, pictures and
/// number of threads, also when it is stopped and resumed.
template <class Context, class T = float>
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
    two_stage_trainer(const two_stage_trainer&) = delete;
    two_stage_trainer& operator=(const two_stage_trainer&) = delete;

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
        network_.reset();
        iteration_ = at;
        start_stage();
        if (!at_stage_end()) {
            const auto& velocities = optimiser_->velocities();
            std::int64_t const dims[] = {velocities.size()};
            const auto values = file.at("optimiser.velocities", dims).template values<float>();
            copy(ctx_, view<const float, 1>{values.data(), velocities.dims()}, velocities.view());
            synchronise(ctx_);
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
        load.memory = staging_memory(ctx_);
        if (iteration_ == options_.iterations())
            return;
        data::loader batches(pictures_, textures_, samples, load);
        before_ = clock::now();
        while (iteration_ < options_.iterations()) {
            if (!optimiser_ || iteration_ == options_.student_iterations)
                start_stage();
            auto batch = batches.next();
            copy_batch(ctx_, batch, *input_);
            (*step_)();
            ++iteration_;
            losses_read_.push(ctx_, losses_);
            queued_.push_back(std::move(batch)); // which the device may still read
            const bool save_now = saved_after(iteration_ - 1);
            if (save_now || iteration_ == options_.student_iterations ||
                iteration_ == options_.iterations())
                synchronise(ctx_);
            while (const auto losses = losses_read_.pop())
                finish_oldest(*losses, report);
            if (save_now)
                save();
        }
        network_->store(ctx_);
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
               std::to_string(textures_.size()) + " " + std::to_string(hash) +
               (std::is_same_v<T, float> ? "" : " bf16");
    }

    // The parts that train, one optimiser a stage; the first one's momentum ends with it.
    void start_stage() {
        step_.reset();
        optimiser_.reset();
        if (iteration_ == options_.iterations())
            return;
        if (!network_)
            network_.emplace(ctx_, model_);
        auto& network = *network_;
        const sgd_options rule{options_.momentum, options_.weight_decay};
        if (stage() == 1) {
            optimiser_.emplace(ctx_, rule, [&](auto&& add) {
                network.add_part(
                    add, [](auto& m) -> auto& { return m.student; }, options_.student_rate);
            });
            step_.emplace(
                repeated(ctx_, work([this] { student_step(); }), make_fixed_networks(ctx_)));
        } else {
            optimiser_.emplace(ctx_, rule, [&](auto&& add) {
                network.add_part(
                    add, [](auto& m) -> auto& { return m.segmentation.res; },
                    options_.residual_rate);
                network.add_part(
                    add, [](auto& m) { return m.segmentation.context_and_head(); },
                    options_.head_rate);
            });
            step_.emplace(
                repeated(ctx_, work([this] { segmentation_step(); }), make_fixed_networks(ctx_)));
        }
        if (!input_) {
            input_ = data::empty_batch(ctx_, options_.batch, options_.size);
            losses_ = full(ctx_, shape<1>{{2}}, 0.0f);
        }
    }

    // The teacher sees the clean picture, the student the corrupted one; no gradient for the
    // teacher.
    void student_step() {
        auto& network = network_->get();
        const auto x = data::synthesise<T>(ctx_, *input_);
        tape<Context> t(ctx_, mode::train);
        const auto [target, found] = fork_join(
            t, [&](auto& side) { return network.teacher(side, constant(x.clean)); },
            [&](auto& own) { return network.student(own, constant(x.corrupted)); });
        auto loss = cosine_distance_loss(t, target[0], found[0]);
        for (std::size_t level = 1; level < found.size(); ++level)
            loss = add(t, loss, cosine_distance_loss(t, target[level], found[level]));
        t.backward(loss);
        copy(ctx_, view<const float, 1>(loss.value), losses_.slice(0, shape<1>{{1}}).view());
        optimiser_->step(ctx_);
    }

    // Teacher and student are fixed and both see the corrupted picture. A mask of the map's size
    // is 1 where the interpolated one is at least a half, which is how the loss reads it.
    void segmentation_step() {
        auto& network = network_->get();
        const auto x = data::synthesise<T>(ctx_, *input_);
        tape<Context> fixed(ctx_, mode::eval), t(ctx_, mode::train);
        const auto logits =
            network.segmentation(t, network.similarity(fixed, constant(x.corrupted)));
        const auto mask =
            resize_bilinear(fixed, constant(x.mask), logits.extent(1), logits.extent(2));
        const auto loss = focal_l1_loss(t, logits, mask.value, options_.focal_gamma);
        t.backward(loss.total);
        copy(ctx_, view<const float, 1>(loss.parts), losses_.view());
        optimiser_->step(ctx_);
    }

    // Tells of the oldest iteration whose losses were not known yet.
    template <class F>
    void finish_oldest(const std::vector<float>& losses, F&& report) {
        training_step step;
        step.iteration = static_cast<int>(queued_.front().iteration);
        queued_.pop_front();
        step.stage = step.iteration < options_.student_iterations ? 1 : 2;
        if (step.stage == 1) {
            step.cosine = static_cast<double>(losses[0]) / options_.batch;
        } else {
            step.focal = static_cast<double>(losses[0]);
            step.l1 = static_cast<double>(losses[1]);
        }
        check_finite(step);
        step.saved = saved_after(step.iteration);
        const auto now = clock::now();
        step.seconds = std::chrono::duration<double>(now - before_).count();
        before_ = now;
        // Before the checkpoint: a run that ends in between repeats the iteration, rather than
        // never telling of it.
        report(step);
    }

    [[nodiscard]] bool saved_after(int iteration) const {
        return options_.checkpoint_every > 0 && !checkpoint_.empty() &&
               ((iteration + 1) % options_.checkpoint_every == 0 ||
                iteration + 1 == options_.iterations());
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
        network_->store(ctx_);
        check_weights();
        auto entries = to_state_dict(model_);
        if (!at_stage_end()) {
            const auto& velocities = optimiser_->velocities();
            std::vector<float> values(static_cast<std::size_t>(velocities.size()));
            copy(ctx_, view<const float, 1>(velocities),
                 view<float, 1>{values.data(), velocities.dims()});
            synchronise(ctx_);
            entries["optimiser.velocities"] = owned_entry(std::move(values), {velocities.size()});
        }
        save_safetensors(
            checkpoint_, entries,
            {{"fingerprint", fingerprint()}, {"iteration", std::to_string(iteration_)}});
        saved_ = iteration_;
    }

    using space = typename Context::space;
    using clock = std::chrono::steady_clock;
    using work = std::function<void()>;
    using promise = decltype(make_fixed_networks(std::declval<Context&>()));

    Context& ctx_;
    pfadseg<float>& model_;
    training_options options_;
    std::vector<std::filesystem::path> pictures_, textures_;
    std::string checkpoint_;
    std::optional<device_network<T, Context>> network_;
    std::optional<sgd<T, space>> optimiser_;
    std::optional<data::training_batch<space>> input_; // of every step: a GPU repeats addresses
    tensor<float, 1, space> losses_;
    std::optional<decltype(repeated(std::declval<Context&>(), work(), std::declval<promise>()))>
        step_;
    decltype(make_ring(std::declval<Context&>(), 2)) losses_read_ = make_ring(ctx_, 2);
    std::deque<data::training_batch<>> queued_; // batches of steps whose losses are not read
    clock::time_point before_;
    int iteration_ = 0;
    int saved_ = -1;
};

} // namespace pfad::train
