// The trainer and the predictor on the emulated GPU: what they do there beside the network's steps,
// which networks.cpp has. Batches go to the device, losses and weights come back, steps are
// captured.
#include "data/picture_folder.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <pfad/detect/predictor.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/evaluate/evaluator.hpp>
#include <pfad/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

using namespace pfad;

namespace {

struct training {
    picture_folder folder;
    std::vector<std::filesystem::path> good, textures;
    pfadseg_options network{.rcm = false, .aff = false, .pcar = false};
    train::run_options options;
    std::string checkpoint = (folder.path() / "checkpoint.safetensors").string();

    training() {
        for (int i = 0; i < 4; ++i) {
            const auto name = std::to_string(i) + ".png";
            good.push_back(folder.picture("good/" + name, some_picture(40, 32, 3, i)));
            textures.push_back(folder.picture("textures/" + name, some_picture(30, 30, 3, 9 + i)));
        }
        options.size = 32;
        network.batch = 4;
        network.student_iterations = 4; // two as they are, one captured, one replayed
        network.segmentation_iterations = 1;
        // Tiny: on four small pictures gradients are so large that rounding would decide the rest.
        network.student_rate = network.residual_rate = network.head_rate = 1e-7;
        options.seed = 3;
    }

    /// Trains to the end and returns the losses; stops for a while after `stop` iterations.
    template <class C>
    std::vector<double> run(pfadseg<float>& model, int stop = 1000) {
        std::vector<double> losses;
        struct stopped {};
        const auto piece = [&](bool resume, int until) {
            C ctx;
            train::trainer<C, pfadseg> trainer(ctx, model, options, good, textures,
                                               until < 1000 || resume ? checkpoint : "");
            if (resume)
                trainer.resume();
            trainer.run([&](const train::training_step& step) {
                if (step.iteration == until)
                    throw stopped();
                CHECK(step.iteration == static_cast<int>(losses.size()));
                losses.push_back(step.loss("cosine") + step.loss("focal") + step.loss("l1"));
            });
        };
        options.checkpoint_every = std::max(stop < 1000 ? stop : 0, 0);
        try {
            piece(false, stop);
        } catch (const stopped&) {
            piece(true, 1000);
        }
        return losses;
    }

    pfadseg<float> start() {
        cpu::context plain(1);
        pfadseg<float> model(plain, network);
        model.initialise(options.seed);
        return model;
    }
};

std::vector<float> weights(pfadseg<float>& model) {
    std::vector<float> all;
    for (const auto& array : named_arrays<float>(model))
        all.insert(all.end(), array.values.data, array.values.data + array.size());
    return all;
}

} // namespace

TEST_CASE("trainer: on a GPU as on the host, also when it is stopped and resumed", "[simt]") {
    training it;
    auto on_host = it.start(), on_gpu = it.start(), resumed = it.start();
    const auto before = weights(on_gpu);
    const auto want = it.run<cpu::context>(on_host);
    const auto found = it.run<cuda::context>(on_gpu);
    REQUIRE(found.size() == 5);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(std::abs(found[i] - want[i]) < 1e-3 * want[i]);
    CHECK(weights(on_gpu) != before);
    // Steps after a resumption run as they are where the whole run had captured ones.
    CHECK(it.run<cuda::context>(resumed, 2) == found);
    CHECK(weights(resumed) == weights(on_gpu));

    cpu::context plain(2);
    cuda::context ctx;
    predictor<cpu::context, pfadseg> host_predict(plain, on_gpu);
    predictor<cuda::context, pfadseg> predict(ctx, on_gpu);
    const auto pixels = detect::model_pixels(plain, some_picture(40, 32, 3, 5), 32);
    const auto expected = host_predict(pixels);
    std::vector<float> first;
    for (int call = 0; call < 4; ++call) { // the third is captured, the fourth replayed
        const auto answer = predict(pixels);
        const auto maps = pfad::on_host(ctx, answer.maps);
        REQUIRE(maps.size() == expected.maps.size());
        const std::vector<float> now(maps.data(), maps.data() + maps.size());
        if (call == 0)
            first = now;
        CHECK(now == first);
        for (std::int64_t i = 0; i < maps.size(); ++i)
            REQUIRE(std::abs(maps.data()[i] - expected.maps.data()[i]) < 1e-4f);
        CHECK(std::abs(pfad::on_host(ctx, answer.scores).data()[0] - expected.scores.data()[0]) <
              1e-4f);
    }
}
