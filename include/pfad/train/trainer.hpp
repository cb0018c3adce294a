// The loop of training, for any detector: its stages one after the other, each with an optimiser of its
// own.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/host_memory.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/data/batches/batch.hpp>
#include <pfad/data/loader.hpp>
#include <pfad/detect/network_copy.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/nn/weights.hpp>
#include <pfad/optim/sgd.hpp>
#include <pfad/train/run_file.hpp>
#include <pfad/train/run_options.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::train {

/// A loss of one iteration.
struct reported_loss {
    std::string_view key; ///< see loss_name
    double value;         ///< as loss_scale says
};

/// What one iteration reports.
struct training_step {
    int stage = 1;                          ///< from 1
    int iteration = 0;                      ///< over all stages, from 0
    std::vector<reported_loss> losses = {}; ///< those of the stage
    double seconds = 0;                     ///< of this iteration
    bool saved = false;                     ///< a checkpoint follows it

    /// The value of a loss, 0 where the stage has none of this name.
    [[nodiscard]] double loss(std::string_view key) const {
        for (const auto& one : losses)
            if (one.key == key)
                return one.value;
        return 0;
    }
};

/// Trains a detector on the context's device, in activations of T; the network itself is on the host
/// and has the result when run() returns. Bit for bit the same for the same options, pictures and
/// number of threads, also when it is stopped and resumed.
template <queued_context Context, template <class, class> class D, class T = float>
class trainer {
public:
    /// How: the run's options beside model.options. `checkpoint` is the file that run() writes every
    /// so often; empty for none. Throws errc::value for options out of their range.
    trainer(Context& ctx,
            D<float, host>& model,
            const run_options& options,
            std::vector<std::filesystem::path> pictures,
            std::vector<std::filesystem::path> textures,
            std::string checkpoint = "")
        : ctx_(ctx), model_(model), stages_(D<float, host>::stages(model.options)),
          facts_(facts_of(stages_)), options_(options), pictures_(std::move(pictures)),
          textures_(std::move(textures)), checkpoint_(std::move(checkpoint)) {
        options_.check();
        model.options.check(options.size);
        if (!options_.iterations.empty()) {
            expect(options_.iterations.size() == facts_.size(), "training",
                   "a number of iterations for each stage");
            for (std::size_t i = 0; i < facts_.size(); ++i) {
                expect(options_.iterations[i] >= 0, "training", "iterations are not negative");
                facts_[i].iterations = options_.iterations[i];
            }
        }
        expect(iterations_of(facts_) <= static_cast<std::int64_t>(most_iterations), "training",
               "the iterations of all stages are at most 1000000000");
        for (const auto& one : facts_)
            begins_.push_back(begins_.back() + one.iterations);
    }
    trainer(const trainer&) = delete;
    trainer& operator=(const trainer&) = delete;

    /// The next iteration.
    [[nodiscard]] int iteration() const { return iteration_; }
    /// Of all stages.
    [[nodiscard]] int iterations() const { return begins_.back(); }

    /// Continues where the checkpoint was written. Throws errc::value where that run had other
    /// options, errc::io where the file is not a checkpoint.
    void resume() {
        const auto file = load_safetensors(checkpoint_);
        const auto at = checkpoint_iteration(file, run_fingerprint(), iterations());
        from_state_dict(model_, file);
        network_.reset();
        velocities_.clear();
        iteration_ = static_cast<int>(at);
        if (!at_stage_end())
            velocities_ = file.at("optimiser.velocities").template values<float>();
        saved_ = iteration_;
    }

    /// Runs to the end, calling report(training_step) after each iteration. Where that returns false,
    /// the run stops behind the iteration that is under way, with a checkpoint if it has a file for one.
    /// Returns whether it came to the end; the network has the result in either case. Throws errc::value
    /// for a loss that is not finite, naming the iteration and the last checkpoint.
    template <class F>
    bool run(F&& report) {
        stopping_ = false;
        if (iteration_ == iterations())
            return true;
        const data::sampler sampler(pictures_, needs_textures(stages_) ? textures_ : paths(),
                                    {.size = options_.size,
                                     .batch = model_.options.batch,
                                     .seed = options_.seed,
                                     .rotate = options_.rotate,
                                     .reading = options_.reading});
        if (!network_)
            network_.emplace(ctx_, model_);
        before_ = clock::now();
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (run_stage<I>(sampler, report), ...);
        }
        (indices());
        network_->store(ctx_);
        check_weights();
        return iteration_ == iterations();
    }

private:
    using space = typename Context::space;
    using clock = std::chrono::steady_clock;
    using work = std::function<void()>;
    using paths = std::vector<std::filesystem::path>;
    using all_stages = decltype(D<float, host>::stages(std::declval<D<float, host>&>().options));
    using indices = std::make_index_sequence<std::tuple_size_v<all_stages>>;

    // Whether the next iteration starts with a momentum of zero, or there is none.
    [[nodiscard]] bool at_stage_end() const {
        return std::find(begins_.begin(), begins_.end(), iteration_) != begins_.end();
    }

    // The options and what the run is fed with. Names without their folders, which may move.
    [[nodiscard]] fingerprint run_fingerprint() const {
        auto result = fingerprint_of(options_, model_.options.list());
        result["element"] = std::is_same_v<T, float> ? "float" : "bf16";
        const auto name_all = [&](const char* key, const paths& files) {
            std::string names;
            for (const auto& file : files)
                names += file.filename().string() + "/";
            result[key] =
                std::to_string(files.size()) + " of hash " + std::to_string(hash_name(names));
        };
        name_all("pictures", pictures_);
        if (needs_textures(stages_))
            name_all("textures", textures_);
        return result;
    }

    // What is left of one stage.
    template <std::size_t I, class F>
    void run_stage(const data::sampler& sampler, F& report) {
        const int end = begins_[I + 1];
        if (iteration_ >= end || stopping_)
            return;
        const auto& stage = std::get<I>(stages_);
        using recipe = std::remove_cvref_t<decltype(stage.recipe)>;
        std::optional<sgd<T, space>> optimiser;
        network_->with_groups(stage.groups, [&](const auto&... groups) {
            optimiser.emplace(ctx_, stage.facts.rule, groups...);
        });
        restore(*optimiser);
        // Of every step: a GPU repeats addresses.
        auto input = data::empty_batch<recipe>(ctx_, model_.options.batch, options_.size);
        const int parts = static_cast<int>(stage.facts.losses.size());
        const auto losses = full(ctx_, shape<1>{{parts}}, 0.0f);
        recorded_step<Context> step =
            repeated(ctx_, work([&] {
                         const auto x = stage.recipe.template pictures<T>(ctx_, input.arrays);
                         tape<Context> t(ctx_, mode::train);
                         const auto found = stage.losses(network_->get(), t, x);
                         backward(t, found);
                         copy(ctx_, view<const float, 1>(found.parts), losses.view());
                         optimiser->step(ctx_);
                     }),
                     make_fixed_networks(ctx_));
        loss_ring<Context> read = make_ring(ctx_, parts);
        data::loader<recipe> batches(sampler, stage.recipe,
                                     {.threads = options_.loader_threads,
                                      .first_iteration = iteration_,
                                      .memory = staging_memory(ctx_)});
        std::deque<data::training_batch<recipe>> queued; // of steps whose losses are not read
        const auto tell = [&] {
            while (const auto values = read.pop()) {
                finish(I, static_cast<int>(queued.front().iteration), *values, report);
                queued.pop_front();
            }
        };
        while (iteration_ < end && !stopping_) {
            auto batch = batches.next();
            data::copy_batch(ctx_, batch, input);
            const auto& schedule = stage.facts.schedule;
            if (options_.rates != 1 || iteration_ <= begins_[I] + schedule.warmup)
                optimiser->scale_rates(ctx_, options_.rates * schedule.at(iteration_ - begins_[I]));
            step();
            ++iteration_;
            read.push(ctx_, losses);
            queued.push_back(std::move(batch)); // which the device may still read
            const bool save_now = saved_after(iteration_ - 1);
            if (save_now || iteration_ == end)
                synchronise(ctx_);
            tell();
            if (save_now)
                save(*optimiser);
        }
        if (stopping_ && iteration_ < iterations()) {
            synchronise(ctx_);
            tell();
            if (!checkpoint_.empty() && saved_ != iteration_)
                save(*optimiser);
            if (!at_stage_end())
                velocities_ = velocities_of(*optimiser); // for the next run()
        }
    }

    // Tells of an iteration whose losses have come.
    template <class F>
    void finish(std::size_t stage, int iteration, const std::vector<float>& losses, F& report) {
        training_step step{.stage = static_cast<int>(stage) + 1,
                           .iteration = iteration,
                           .saved = saved_after(iteration)};
        for (std::size_t i = 0; i < facts_[stage].losses.size(); ++i) {
            const auto& name = facts_[stage].losses[i];
            const double share = name.scale == loss_scale::picture ? model_.options.batch : 1;
            step.losses.push_back({name.key, static_cast<double>(losses[i]) / share});
            if (!std::isfinite(step.losses.back().value))
                fail_not_finite("loss of", iteration);
        }
        const auto now = clock::now();
        step.seconds = std::chrono::duration<double>(now - before_).count();
        before_ = now;
        // Before the checkpoint: a run that ends in between repeats the iteration, rather than
        // never telling of it.
        if constexpr (std::is_same_v<decltype(report(step)), bool>)
            stopping_ |= !report(step);
        else
            report(step);
    }

    [[nodiscard]] bool saved_after(int iteration) const {
        return options_.checkpoint_every > 0 && !checkpoint_.empty() &&
               ((iteration + 1) % options_.checkpoint_every == 0 || iteration + 1 == iterations());
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

    // The momentum of a resumed stage.
    void restore(const sgd<T, space>& optimiser) {
        if (velocities_.empty())
            return;
        const auto& to = optimiser.velocities();
        const shape<1> dims = {{static_cast<std::int64_t>(velocities_.size())}};
        if (dims != to.dims())
            fail(errc::io, checkpoint_ + ": `optimiser.velocities` has another size");
        copy(ctx_, view<const float, 1>{velocities_.data(), dims}, to.view());
        synchronise(ctx_);
        velocities_.clear();
    }

    [[nodiscard]] std::vector<float> velocities_of(const sgd<T, space>& optimiser) {
        const auto& from = optimiser.velocities();
        std::vector<float> values(static_cast<std::size_t>(from.size()));
        copy(ctx_, view<const float, 1>(from), view<float, 1>{values.data(), from.dims()});
        synchronise(ctx_);
        return values;
    }

    void save(const sgd<T, space>& optimiser) {
        network_->store(ctx_);
        check_weights();
        auto arrays = to_state_dict(model_);
        if (!at_stage_end())
            arrays["optimiser.velocities"] =
                owned_entry(velocities_of(optimiser), {optimiser.velocities().size()});
        save_checkpoint(checkpoint_, arrays, iteration_, run_fingerprint());
        saved_ = iteration_;
    }

    Context& ctx_;
    D<float, host>& model_;
    all_stages stages_;
    std::vector<stage_facts> facts_;
    std::vector<int> begins_ = {0}; // the first iteration of each stage, and the end of the last
    run_options options_;
    paths pictures_, textures_;
    std::string checkpoint_;
    std::optional<network_copy<D, T, Context>> network_;
    std::vector<float> velocities_; // of the checkpoint, until its stage begins
    clock::time_point before_;
    int iteration_ = 0;
    int saved_ = -1;
    bool stopping_ = false; // the caller has said so
};

} // namespace pfad::train
