// What is the same for every method on every device.
#pragma once

#include "session.hpp"

#include <pfad/detect/predictor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace program {

/// The number says what a context of the device is made of, see inspector::load.
template <class Context, template <class, class> class D, class T>
class session_of final : public session {
public:
    session_of(const std::string& method, int number) : number_(number) {
        for (const auto& one : network::methods())
            if (one.name == method) {
                title = one.title;
                options_ = one.options;
            }
        scores = network::scores;
        needs_textures = pfad::needs_textures(network::stages(options_));
    }

    pfad::option_list options() override {
        return model_ ? model_->options.list() : options_.list();
    }
    [[nodiscard]] std::vector<pfad::stage_facts> stages() const override {
        return pfad::facts_of(network::stages(model_ ? model_->options : options_));
    }
    void check(int size) const override { (model_ ? model_->options : options_).check(size); }

    void make(std::uint64_t seed) override {
        model_ = std::make_unique<network>(memory_, options_);
        model_->initialise(seed);
    }
    pfad::model_description load(const pfad::state_dict& file) override {
        auto model = pfad::load_model<D>(memory_, file);
        read_as_trained(model.description);
        model_ = std::make_unique<network>(std::move(model.network));
        return std::move(model.description);
    }
    void load_pretrained(const std::string& file) override { pfad::load_pretrained(*model_, file); }
    void make_pretrained(int size, std::uint64_t seed, const pictures& good, int threads) override {
        pfad::for_each_pretrained(*model_, [&](auto& part) {
            program::make_random_teacher(part, size, seed, good, threads, reading);
        });
    }
    std::int64_t trained_values() override {
        std::int64_t sum = 0;
        const auto count = [&](auto& group) { sum += pfad::parameter_count(group.part); };
        const auto of_stage = [&](const auto& one) {
            std::apply([&](auto&&... group) { (count(group), ...); }, one.groups(*model_));
        };
        std::apply([&](const auto&... one) { (of_stage(one), ...); },
                   network::stages(model_->options));
        return sum;
    }
    void save(const std::string& path, const pfad::model_description& description) override {
        pfad::save_model<D>(path, *model_, description);
    }

    int train(const training_input& input,
              const std::function<bool(const pfad::train::training_step&)>& report) override {
        pfad::train::trainer<Context, D, T> trainer(context(), *model_, input.run, input.good,
                                                    input.textures, input.checkpoint);
        if (input.resume)
            trainer.resume();
        trainer.run(report);
        return trainer.iteration();
    }
    void adapt(const training_input& input,
               const pfad::train::adapt_options& options,
               const std::function<bool(const pfad::train::training_step&)>& report) override {
        pfad::train::adapt<T>(context(), *model_, options, input.run, input.good, input.textures,
                              report);
    }
    std::vector<double> image_scores(int size, const pictures& files) override {
        pfad::predictor<Context, D, T> predict(context(), *model_);
        return pfad::image_scores(context(), predict, size, files, reading);
    }
    pfad::gauge measure_gauge(int size, double threshold, const pictures& good) override {
        pfad::predictor<Context, D, T> predict(context(), *model_);
        return pfad::measure_gauge(context(), predict, size, threshold, good, reading);
    }
    pfad::evaluation evaluate(int size,
                              std::vector<pfad::data::test_item> items,
                              const std::function<void(int, int)>& report,
                              const std::optional<pfad::jitter_draw>& change) override {
        pfad::predictor<Context, D, T> predict(context(), *model_);
        return pfad::evaluate(context(), predict, size, std::move(items), report, reading, change);
    }

    void open(const pfad::state_dict& file) override {
        read_as_trained(pfad::describe_model<D>(file));
        inspector_.emplace(inspector::load(file, {number_}));
    }
    [[nodiscard]] double threshold() const override { return inspector_->threshold(); }
    void set_threshold(double threshold) override { inspector_->set_threshold(threshold); }
    void set_unsure_threshold(double threshold) override {
        inspector_->set_unsure_threshold(threshold);
    }
    pfad::detect::inspection inspect(const pfad::picture_view& picture,
                                     std::optional<int> tiles) override {
        return tiles ? inspector_->inspect_tiles(picture, *tiles) : inspector_->inspect(picture);
    }

private:
    using network = D<float, pfad::host>;
    using inspector = pfad::detect::inspector<Context, D, T>;

    /// Bits of 16 count as they did in training, unless the command line says otherwise.
    void read_as_trained(const pfad::model_description& description) {
        if (reading.bits == 0)
            reading.bits = description.bits;
    }

    Context& context() {
        if (!context_)
            context_ = std::make_unique<Context>(number_);
        return *context_;
    }

    decltype(network::methods().front().options) options_; // of the network to be made
    pfad::host_memory memory_{std::make_shared<pfad::pool>()};
    std::unique_ptr<network> model_;
    int number_;
    std::unique_ptr<Context> context_;
    std::optional<inspector> inspector_;
};

} // namespace program
