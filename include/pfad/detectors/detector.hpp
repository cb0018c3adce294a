// What a method of finding defects is: a module that says, beside its parts, which options it has, what
// its stages of training compute, and how pixels become an anomaly map. Training, files, prediction,
// evaluation, inspection, ONNX and the programs walk these and know no method.
//
//   template <class T, class S = host>
//   struct my_detector {
//       my_detector_options options;              // with batch, list() and check(size)
//       my_detector(auto& ctx, my_detector_options o = {});
//       auto fields();                            // its arrays, see nn/module.hpp
//       void initialise(std::uint64_t seed);
//       auto pretrained();                        // fields: what --teacher fills
//       auto operator()(auto& t, const maps<T, S>& x) const; // normalised pictures to anomaly maps
//       static auto stages(const my_detector_options& o);     // a tuple of stage
//       static std::vector<method<my_detector_options>> methods(); // names, each with its options
//       static constexpr score_range scores;
//   };
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/detectors/option.hpp>
#include <pfad/nn/module.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/normalise_image.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/sgd.hpp>
#include <pfad/ops/top_k_mean.hpp>
#include <pfad/optim/flat_parameters.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

/// A name that a user says, and the options it stands for.
template <class Options>
struct method {
    std::string_view name;  ///< of --method and in model files
    std::string_view title; ///< for people
    Options options;        ///< its defaults
};

/// Where the scores of a method lie.
struct score_range {
    double lowest = 1e-6;    ///< the lowest threshold
    double highest = 1;      ///< the highest score and threshold
    bool probability = true; ///< whether a score is the probability of a defect
    /// What an image score is, in words.
    std::string_view image_score = "mean of the 100 highest pixels";

    /// The score that a heat map shows in its brightest colour: 1 of probabilities, else four
    /// thresholds, or the highest score where the threshold is 0.
    [[nodiscard]] double brightest(double threshold) const {
        return probability || threshold == 0 ? highest : std::min(highest, 4 * threshold);
    }
};

/// What a loss is a mean or a sum over, which decides how it is reported and, over several ranks, how it
/// is put together.
enum class loss_scale {
    picture, ///< a sum over the pictures of the batch: reported a picture
    pixel    ///< a mean over all pixels of the batch
};

/// A loss that a stage reports.
struct loss_name {
    std::string_view key;                 ///< in logs, such as "cosine"
    loss_scale scale = loss_scale::pixel; ///< what it is a mean or a sum over
};

/// How the learning rates of a stage change over its iterations.
struct rate_schedule {
    int warmup = 0; ///< iterations over which they rise from 0, in equal steps

    /// What the rates are multiplied by at iteration i of the stage, from 0.
    [[nodiscard]] double at(std::int64_t i) const {
        return i < warmup ? static_cast<double>(i + 1) / warmup : 1.0;
    }
};

/// What a stage of training is called, and how long and by which rule it trains.
struct stage_facts {
    std::string_view name;         ///< one word
    std::string_view meaning;      ///< of its losses, for pages
    std::vector<loss_name> losses; ///< in the order of stage_losses::parts
    int iterations = 0;            ///< updates
    sgd_options rule = {};         ///< momentum and weight decay
    rate_schedule schedule = {};   ///< of the learning rates
};

/// What a stage computes for one batch.
template <class T, class S>
struct stage_losses {
    variable<T, 1, S> total; ///< what is differentiated
    tensor<T, 1, S> parts;   ///< what is reported: a value for each of stage_facts::losses
    double weight = 1;       ///< the gradient of the total
};

/// One stage of training.
///   recipe  makes its batches, such as data::perlin
///   groups  groups(network): a tuple of parameter_group, the parts that train
///   losses  losses(network, tape, pictures of the recipe): stage_losses
template <class Recipe, class Groups, class Losses>
struct stage {
    stage_facts facts; ///< name, length, rule
    Recipe recipe;     ///< of batches
    Groups groups;     ///< what trains, at which rate
    Losses losses;     ///< of a batch

    /// Of these parts.
    stage(stage_facts f, Recipe r, Groups g, Losses l)
        : facts(std::move(f)), recipe(std::move(r)), groups(std::move(g)), losses(std::move(l)) {}
};

/// Backward from the losses of a batch.
template <class C, class T, class S>
void backward(tape<C>& t, const stage_losses<T, S>& losses) {
    t.backward(losses.total, static_cast<T>(losses.weight));
}

/// The facts of all stages.
template <class Stages>
[[nodiscard]] std::vector<stage_facts> facts_of(const Stages& stages) {
    return std::apply([](const auto&... one) { return std::vector<stage_facts>{one.facts...}; },
                      stages);
}

/// Whether a stage paints anomalies with pictures of textures.
template <class... R, class... G, class... L>
[[nodiscard]] constexpr bool needs_textures(const std::tuple<stage<R, G, L>...>&) {
    return (R::needs_textures || ...);
}

/// Iterations of all stages together.
[[nodiscard]] inline std::int64_t iterations_of(const std::vector<stage_facts>& stages) {
    std::int64_t sum = 0;
    for (const auto& one : stages)
        sum += one.iterations;
    return sum;
}

/// Calls f(part) for each part of a detector that is pretrained.
template <class M, class F>
void for_each_pretrained(M& network, F&& f) {
    detail::for_each_entry([&](std::string_view, auto& part) { f(part); }, network.pretrained());
}

/// A method that can be trained, filed and run, as the head of this file draws it.
template <template <class, class> class D>
concept detector = module<D<float, host>> && requires(D<float, host> m, std::uint64_t seed) {
    { m.options.list() } -> std::same_as<option_list>;
    m.options.batch;
    m.options.check(0);
    m.initialise(seed);
    m.pretrained();
    D<float, host>::stages(m.options);
    D<float, host>::methods();
    D<float, host>::scores;
};

/// What a detector finds in n pictures.
template <class S>
struct prediction {
    tensor<float, 4, S> maps;   ///< (n, h, w, 1) of the pictures, see score_range
    tensor<float, 1, S> scores; ///< (n): by default the mean of each map's 100 highest pixels
};

/// Image scores (n) of maps (n, h, w, 1): m.score(ctx, maps) where the detector has one, else the
/// mean of the 100 highest pixels.
template <class M, class C, class S>
[[nodiscard]] tensor<float, 1, S> scores_of(const M& m, C& ctx, const tensor<float, 4, S>& maps) {
    if constexpr (requires { m.score(ctx, maps); })
        return m.score(ctx, maps);
    else
        return top_k_mean(ctx, maps);
}

/// The whole inspection: pixels (n, h, w, 3) of RGB in 8 bits to maps of their size and scores. T is the
/// element type of activations; maps are float.
template <template <class, class> class D, class T, class S, class C>
[[nodiscard]] prediction<S>
find_defects(tape<C>& t, const D<T, S>& network, const tensor<std::uint8_t, 4, S>& pixels) {
    const auto in_float = [&]<class U>(const maps<U, S>& x) {
        if constexpr (std::is_same_v<U, float>) {
            return x;
        } else {
            auto result = empty<float>(t.context, x.dims());
            cast_forward<U>(t.context, x.value.flat(), result.flat().view());
            return constant(std::move(result));
        }
    };
    const std::int64_t h = pixels.extent(1), w = pixels.extent(2);
    auto map = in_float(network(t, constant(normalise_image<T>(t.context, pixels))));
    if (map.extent(1) != h || map.extent(2) != w)
        map = resize_bilinear(t, map, h, w);
    return {map.value, scores_of(network, t.context, map.value)};
}

} // namespace pfad
