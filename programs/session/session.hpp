// A detector at work, as the programs see it: whatever the method, the device and the precision. The code
// behind it is compiled in a unit for each method and device, which CMake writes.
#pragma once

#include <pfad/backbones/resnet18.hpp>
#include <pfad/detect/inspector.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/evaluate/evaluator.hpp>
#include <pfad/evaluate/gauge.hpp>
#include <pfad/train/adapt.hpp>
#include <pfad/train/trainer.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace program {

using pictures = std::vector<std::filesystem::path>;

/// What is fed to a training.
struct training_input {
    pfad::train::run_options run;
    pictures good, textures;
    std::string checkpoint; ///< none where empty
    bool resume = false;    ///< go on from the checkpoint
};

/// One network of a method.
struct session {
    virtual ~session() = default;

    std::string title;        ///< for people, such as "PFADSeg"
    pfad::score_range scores; ///< of the method
    bool needs_textures = false;
    pfad::picture_options reading; ///< of picture files; load() and open() take what training had

    /// Of the network; they may be set before make(), and those of training after load().
    virtual pfad::option_list options() = 0;
    [[nodiscard]] virtual std::vector<pfad::stage_facts> stages() const = 0;
    /// Throws errc::value for options that do not go with pictures of this size.
    virtual void check(int size) const = 0;

    /// A new network.
    virtual void make(std::uint64_t seed) = 0;
    /// That of a model file. Returns what that says beside weights and options.
    virtual pfad::model_description load(const pfad::state_dict& file) = 0;
    /// Its pretrained parts from a file, or at random.
    virtual void load_pretrained(const std::string& file) = 0;
    virtual void
    make_pretrained(int size, std::uint64_t seed, const pictures& good, int threads) = 0;
    /// Values that training changes.
    virtual std::int64_t trained_values() = 0;
    virtual void save(const std::string& path, const pfad::model_description& description) = 0;

    /// report is called after every iteration, once every picture has been opened; false stops. Returns
    /// the next iteration.
    virtual int train(const training_input& input,
                      const std::function<bool(const pfad::train::training_step&)>& report) = 0;
    /// Adapts the network to input.good.
    virtual void adapt(const training_input& input,
                       const pfad::train::adapt_options& options,
                       const std::function<bool(const pfad::train::training_step&)>& report) = 0;
    /// Of picture files, in their order.
    virtual std::vector<double> image_scores(int size, const pictures& files) = 0;
    virtual pfad::gauge measure_gauge(int size, double threshold, const pictures& good) = 0;
    virtual pfad::evaluation evaluate(int size,
                                      std::vector<pfad::data::test_item> items,
                                      const std::function<void(int, int)>& report,
                                      const std::optional<pfad::jitter_draw>& change = {}) = 0;

    /// Loads the model file that inspect() and the threshold are of.
    virtual void open(const pfad::state_dict& file) = 0;
    [[nodiscard]] virtual double threshold() const = 0;
    virtual void set_threshold(double threshold) = 0;
    virtual void set_unsure_threshold(double threshold) = 0;
    /// Inspects a whole picture, or in tiles of a side as inspector::inspect_tiles takes it.
    virtual pfad::detect::inspection inspect(const pfad::picture_view& picture,
                                             std::optional<int> tiles = {}) = 0;
};

/// Of a detector and one of its methods on the CPU with `threads` threads (0: one per processor), with
/// activations in float or bf16. Throws errc::unsupported for bf16 where the processor has no
/// instruction for it.
template <template <class, class> class D>
std::unique_ptr<session> make_cpu(const std::string& method, int threads, bool bf16);

/// The same on a GPU in float (TF32 in convolutions) or bf16. Throws errc::unsupported where none can
/// be used. In builds with PFAD_CUDA.
template <template <class, class> class D>
std::unique_ptr<session> make_gpu(const std::string& method, bool bf16);

/// train::make_random_teacher on the CPU, whatever the network is trained on.
void make_random_teacher(pfad::resnet18<float>& teacher,
                         int size,
                         std::uint64_t seed,
                         const pictures& good,
                         int threads,
                         const pfad::picture_options& reading);

} // namespace program
