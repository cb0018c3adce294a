// What is the same on every device, as a template over the backend.
#pragma once

#include "device.hpp"

#include <pfad/models/predictor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace program {

/// The number says what a context of the device is made of, see inspector::load.
template <class Context, class T>
class device_of final : public device {
public:
    explicit device_of(int number) : number_(number) {}

    void train(pfad::pfadseg<float>& model,
               const pfad::train::training_options& options,
               const pictures& good,
               const pictures& textures,
               const std::string& checkpoint,
               bool resume,
               const std::function<void(int)>& begin,
               const std::function<void(const pfad::train::training_step&)>& report) override {
        pfad::train::two_stage_trainer<Context, T> trainer(context(), model, options, good,
                                                           textures, checkpoint);
        if (resume)
            trainer.resume();
        begin(trainer.iteration());
        trainer.run(report);
    }
    double
    calibrate_threshold(pfad::pfadseg<float>& model, int size, const pictures& good) override {
        pfad::predictor<Context, T> predict(context(), model);
        return pfad::train::calibrate_threshold(context(), predict, size, good);
    }
    pfad::train::evaluation evaluate(pfad::pfadseg<float>& model,
                                     int size,
                                     std::vector<pfad::data::test_item> items,
                                     const std::function<void(int, int)>& report) override {
        pfad::predictor<Context, T> predict(context(), model);
        return pfad::train::evaluate(context(), predict, size, std::move(items), report);
    }
    double load(const std::string& model) override {
        inspector_.emplace(pfad::inspect::inspector<Context, T>::load(model, number_));
        return inspector_->threshold();
    }
    void set_threshold(double threshold) override { inspector_->set_threshold(threshold); }
    pfad::inspect::inspection inspect(const pfad::picture_view& picture,
                                      std::optional<int> tiles) override {
        return tiles ? inspector_->inspect_tiles(picture, *tiles) : inspector_->inspect(picture);
    }

private:
    Context& context() {
        if (!context_)
            context_ = std::make_unique<Context>(number_);
        return *context_;
    }

    int number_;
    std::unique_ptr<Context> context_;
    std::optional<pfad::inspect::inspector<Context, T>> inspector_;
};

} // namespace program
