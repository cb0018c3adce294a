// What a training run is: everything that decides its result.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/data/sampler.hpp>
#include <pfad/models/pfadseg.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace pfad::train {

/// The defaults are the paper's (section 4.3); what it leaves open follows its baseline, DeSTSeg.
struct training_options {
    pfadseg_options model;                        ///< which parts the network has
    int size = 256;                               ///< pictures are size x size
    int batch = 16;                               ///< two or more: batch norm sees 1x1 maps
    int student_iterations = 3000;                ///< stage one
    int segmentation_iterations = 4000;           ///< stage two
    double student_rate = 0.5;                    ///< learning rate of stage one
    double residual_rate = 0.1;                   ///< the segmentation network's residual blocks
    double head_rate = 0.01;                      ///< RCM (or ASPP) and what follows
    double momentum = 0.9;                        ///< what stays of the velocity
    double weight_decay = 1e-4;                   ///< of every parameter
    double focal_gamma = 4;                       ///< exponent of the focal loss
    data::rotation rotate = data::rotation::none; ///< how training pictures are turned
    data::opacity_range opacity = data::paper_opacity; ///< of textures in anomalies
    std::uint64_t seed = 0;                            ///< of weights and samples
    int loader_threads = 1;                            ///< prepare batches beside the training
    int checkpoint_every = 500;                        ///< iterations; 0 writes none
    std::string start; ///< names the weights that the network has at the start; empty: initial ones

    static constexpr int most_iterations = 1'000'000'000; ///< of both stages together

    /// Of both stages.
    [[nodiscard]] int iterations() const { return student_iterations + segmentation_iterations; }

    /// Throws errc::value for a number out of its range.
    void check() const {
        expect(size >= 32 && size <= 4096, "training", "the size is 32 to 4096 pixels");
        expect(batch >= 2, "training",
               "the batch is two or more, since batch norm on 1x1 maps needs two values");
        const std::int64_t deepest = (size + 31) / 32;
        expect(batch * deepest * deepest >= 4, "training",
               "batch norm on the deepest maps, 1/32 of the size, needs four values or more: a "
               "larger batch or size");
        expect(student_iterations >= 0 && student_iterations <= most_iterations &&
                   segmentation_iterations >= 0 && segmentation_iterations <= most_iterations,
               "training", "the numbers of iterations are 0 to 1000000000");
        for (const double rate : {student_rate, residual_rate, head_rate})
            expect(rate > 0 && std::isfinite(rate), "training",
                   "learning rates are positive and finite");
        expect(momentum >= 0 && momentum < 1, "training", "the momentum is 0 to below 1");
        expect(weight_decay >= 0 && std::isfinite(weight_decay), "training",
               "the weight decay is not negative, and finite");
        expect(focal_gamma >= 0 && std::isfinite(focal_gamma), "training",
               "gamma of the focal loss is not negative, and finite");
        expect(checkpoint_every >= 0, "training", "checkpoint_every is not negative");
        expect(loader_threads >= 1, "training", "there is at least one loader thread");
    }

    /// All that a resumed run must have in common with the one it continues.
    [[nodiscard]] std::string fingerprint() const {
        std::string text;
        for (const int v : {static_cast<int>(model.rcm), static_cast<int>(model.aff),
                            static_cast<int>(model.pcar), static_cast<int>(model.plain_decoder),
                            size, batch, model.rcm_detail.band, model.rcm_detail.mlp_ratio,
                            student_iterations, segmentation_iterations, static_cast<int>(rotate)})
            text += std::to_string(v) + " ";
        for (const double v :
             {student_rate, residual_rate, head_rate, momentum, weight_decay, focal_gamma,
              opacity.low, opacity.high, static_cast<double>(model.rcm_detail.layer_scale)}) {
            char exact[32];
            std::snprintf(exact, sizeof exact, "%.17g ", v);
            text += exact;
        }
        return text + std::to_string(seed) + (start.empty() ? "" : " from " + start);
    }
};

} // namespace pfad::train
