// What a training run is beside the detector's own options.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/augmentation.hpp>
#include <pfad/detectors/option.hpp>
#include <pfad/io/picture_file.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pfad::train {

/// Of every method.
struct run_options {
    int size = 256;                               ///< pictures are size x size
    data::rotation rotate = data::rotation::none; ///< how training pictures are turned
    std::uint64_t seed = 0;                       ///< of weights and samples
    int loader_threads = 1;                       ///< prepare batches beside the training
    int checkpoint_every = 500;                   ///< iterations; 0 writes none
    picture_options reading = {};                 ///< of picture files
    /// Iterations of each stage, in place of the detector's own where there are any.
    std::vector<int> iterations = {};
    /// Every learning rate times this. At 0 only the running statistics of batch norm follow the pictures.
    double rates = 1;
    /// Names the weights that the network has at the start; empty: initial ones.
    std::string start = {};

    /// Throws errc::value for a number out of its range.
    void check() const {
        expect(size >= 32 && size <= 4096, "training", "the size is 32 to 4096 pixels");
        expect(checkpoint_every >= 0, "training", "checkpoint_every is not negative");
        expect(loader_threads >= 1, "training", "there is at least one loader thread");
        expect(rates >= 0 && rates <= 1, "training", "rates are multiplied by 0 to 1");
    }
};

/// All that a resumed run must have in common with the one it continues, by name.
using fingerprint = std::map<std::string, std::string, std::less<>>;

/// Of the options of a run and its detector.
[[nodiscard]] inline fingerprint fingerprint_of(const run_options& run,
                                                const option_list& options) {
    fingerprint result;
    for (const auto& o : options)
        result[std::string(o.name)] = value_text(o);
    result["size"] = std::to_string(run.size);
    result["rotate"] = data::name_of(run.rotate);
    result["seed"] = std::to_string(run.seed);
    result["bits"] = std::to_string(run.reading.bits);
    result["start"] = run.start;
    result["rates"] = exact_text(run.rates);
    auto& iterations = result["stage_iterations"];
    for (const int of_stage : run.iterations)
        iterations += std::to_string(of_stage) + "/";
    return result;
}

} // namespace pfad::train
