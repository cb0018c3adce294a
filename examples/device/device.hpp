// Where the programs compute, as they see it. The code behind it is compiled once for each device, in
// cpu.cpp and, by nvcc, gpu.cu.
#pragma once

#include <pfad/inspect/inspector.hpp>
#include <pfad/train/evaluator.hpp>
#include <pfad/train/two_stage_trainer.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace program {

using pictures = std::vector<std::filesystem::path>;

/// Training, evaluation and inspection of networks that are on the host.
struct device {
    virtual ~device() = default;

    /// Trains, from the checkpoint where `resume` says so. begin(first iteration) is called before
    /// the first picture is opened, report after every iteration.
    virtual void train(pfad::pfadseg<float>& model,
                       const pfad::train::training_options& options,
                       const pictures& good,
                       const pictures& textures,
                       const std::string& checkpoint,
                       bool resume,
                       const std::function<void(int)>& begin,
                       const std::function<void(const pfad::train::training_step&)>& report) = 0;
    virtual double
    calibrate_threshold(pfad::pfadseg<float>& model, int size, const pictures& good) = 0;
    virtual pfad::train::evaluation evaluate(pfad::pfadseg<float>& model,
                                             int size,
                                             std::vector<pfad::data::test_item> items,
                                             const std::function<void(int, int)>& report) = 0;
    /// Loads the model file that inspect() works with; returns its threshold.
    virtual double load(const std::string& model) = 0;
    virtual void set_threshold(double threshold) = 0;
    /// Inspects a whole picture, or in tiles of a side as inspector::inspect_tiles takes it.
    virtual pfad::inspect::inspection inspect(const pfad::picture_view& picture,
                                              std::optional<int> tiles = {}) = 0;
};

/// The CPU with `threads` threads (0: one per processor), with activations in float or bf16. Throws
/// errc::unsupported for bf16 where the processor has no instruction for it.
std::unique_ptr<device> make_cpu(int threads, bool bf16);

/// A GPU with activations in float (TF32 in convolutions) or bf16. Throws errc::unsupported where
/// none can be used. Of gpu.cu, in builds with PFAD_CUDA.
std::unique_ptr<device> make_gpu(bool bf16);

/// train::make_random_teacher on the CPU, whatever the network is trained on.
void make_random_teacher(pfad::resnet18<float>& teacher,
                         int size,
                         std::uint64_t seed,
                         const pictures& good,
                         int threads);

} // namespace program
