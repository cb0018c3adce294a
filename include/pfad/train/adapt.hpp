// A trained detector in a new place, at another camera or on the next batch of material: from some good
// pictures of it.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/train/trainer.hpp>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace pfad::train {

/// How a detector adapts.
struct adapt_options {
    int statistics =
        20; ///< batches of each stage from which batch norm takes its running statistics
    int iterations = 0; ///< of the last stage besides, at the learning rates of its training
};

/// Adapts a network on the host to good pictures that it has not seen, which are trained with as `run` says.
/// It needs a new threshold then: see image_scores and threshold_of_good. Textures are needed where the
/// detector's stages need them. report(step) after each iteration; where that returns false, it stops. Returns
/// whether it came to the end; throws as a trainer does.
template <class T = float, queued_context Context, template <class, class> class D, class F>
bool adapt(Context& ctx,
           D<float, host>& model,
           const adapt_options& options,
           run_options run,
           const std::vector<std::filesystem::path>& good,
           const std::vector<std::filesystem::path>& textures,
           F&& report) {
    const auto stages = facts_of(D<float, host>::stages(model.options)).size();
    run.checkpoint_every = 0;
    const auto train = [&](double rates, const std::vector<int>& iterations) {
        run.rates = rates;
        run.iterations = iterations;
        return trainer<Context, D, T>(ctx, model, run, good, textures).run(report);
    };
    std::vector<int> last(stages, 0);
    last.back() = options.iterations;
    return train(0, std::vector<int>(stages, options.statistics)) && train(1, last);
}

} // namespace pfad::train
