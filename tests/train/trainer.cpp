#include "support/compare.hpp"
#include "train/small_run.hpp"

#include <cmath>
#include <limits>

using namespace pfad;
using train::training_step;

namespace {

using arrays = std::map<std::string, std::vector<float>>;

// The first part of the name of everything that differs: "student", "segmentation", ...
std::map<std::string, int> changed(const arrays& before, const arrays& after) {
    std::map<std::string, int> parts;
    for (const auto& [name, values] : before)
        if (values != after.at(name))
            ++parts[name.substr(0, name.find('.'))];
    return parts;
}

int arrays_of(const arrays& all, const std::string& part) {
    int count = 0;
    for (const auto& [name, values] : all)
        count += name.starts_with(part + ".");
    return count;
}

double sum_of(const training_step& step) {
    double sum = 0;
    for (const auto& loss : step.losses)
        sum += loss.value;
    return sum;
}

std::vector<training_step>
run(small_network& net, const small_pictures& pictures, int student, int segmentation) {
    std::vector<training_step> steps;
    const auto options = small_run(net.model, student, segmentation);
    trainer all(net.ctx, net.model, options, pictures.good, pictures.textures);
    all.run([&](const training_step& step) { steps.push_back(step); });
    return steps;
}

} // namespace

TEST_CASE("trainer: a stage changes its own network only, all of it", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    (void)run(net, pictures, 1, 0);
    const auto first = snapshot(net.model);
    (void)run(net, pictures, 0, 1);
    const auto second = snapshot(net.model);
    // Batch norm statistics are among the arrays.
    const auto in_one = changed(start, first), in_two = changed(first, second);
    CHECK(in_one == std::map<std::string, int>{{"student", arrays_of(start, "student")}});
    REQUIRE(in_two.size() == 1);
    CHECK(in_two.begin()->first == "segmentation");
    CHECK(in_two.begin()->second == arrays_of(start, "segmentation"));
    restore(net.model, start);
}

TEST_CASE("trainer: both losses fall; steps say stage and iteration", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    const auto steps = run(net, pictures, 6, 6);
    REQUIRE(steps.size() == 12);
    for (int i = 0; i < 12; ++i) {
        const auto& step = steps[static_cast<std::size_t>(i)];
        CHECK(step.iteration == i);
        CHECK(step.stage == (i < 6 ? 1 : 2));
        CHECK_FALSE(step.saved);
        CHECK(step.losses.size() == (i < 6 ? 1 : 2));
        CHECK((step.loss("cosine") > 0) == (i < 6));
        CHECK((step.loss("focal") > 0) == (i >= 6));
        CHECK(step.seconds > 0);
    }
    CHECK(steps[5].loss("cosine") < 0.9 * steps[0].loss("cosine"));
    CHECK(steps[11].loss("focal") < 0.9 * steps[6].loss("focal"));
    restore(net.model, start);
}

TEST_CASE("trainer: a run that is told to stop has a checkpoint, and goes on to the same bits",
          "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const temporary_folder folder;
    const auto start = snapshot(net.model);
    net.model.options.warmup = 2; // where a run goes on must not matter to it
    const auto steps = run(net, pictures, 3, 2);
    const auto expected = snapshot(net.model);
    auto options = small_run(net.model, 3, 2);
    options.checkpoint_every = 0;
    const std::string file = folder / "checkpoint";
    for (const int stop : {0, 2, 3}) { // within a stage, at its end, within the next
        restore(net.model, start);
        trainer first(net.ctx, net.model, options, pictures.good, pictures.textures, file);
        std::vector<double> losses;
        const auto tell = [&](const training_step& step) {
            losses.push_back(sum_of(step));
            return step.iteration != stop;
        };
        CHECK_FALSE(first.run(tell));
        CHECK(first.iteration() == stop + 1);
        CHECK(std::filesystem::exists(file));
        // In the same trainer, or in another one from the checkpoint.
        trainer second(net.ctx, net.model, options, pictures.good, pictures.textures, file);
        if (stop == 2)
            CHECK(first.run(tell));
        else {
            second.resume();
            CHECK(second.run(tell));
        }
        REQUIRE(losses.size() == steps.size());
        for (std::size_t i = 0; i < steps.size(); ++i)
            CHECK(losses[i] == sum_of(steps[i]));
        CHECK(snapshot(net.model) == expected);
        std::filesystem::remove(file);
    }
    net.model.options.warmup = 0;
    restore(net.model, start);
}

TEST_CASE("trainer: the rates of each stage rise over the warm-up", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    const std::string first[] = {"student.encoder.conv1.weight", "segmentation.head.weight"};
    // The first step of a stage is its rate times a direction that the rate does not change.
    const auto step_of = [&](int stage, int warmup) {
        net.model.options.warmup = warmup;
        static_cast<void>(run(net, pictures, stage == 0 ? 1 : 0, stage == 1 ? 1 : 0));
        auto step = snapshot(net.model).at(first[stage]);
        for (std::size_t i = 0; i < step.size(); ++i)
            step[i] -= start.at(first[stage])[i];
        restore(net.model, start);
        return step;
    };
    for (const int stage : {0, 1}) {
        const auto whole = step_of(stage, 0), quarter = step_of(stage, 4);
        double gap = 0, size = 0;
        for (std::size_t i = 0; i < whole.size(); ++i) {
            const double w = static_cast<double>(whole[i]), q = static_cast<double>(quarter[i]);
            gap += (q - w / 4) * (q - w / 4);
            size += w * w;
        }
        CHECK(size > 0);
        CHECK(gap < 1e-6 * size);
    }
    net.model.options.warmup = 0;
}

TEST_CASE("trainer: a checkpoint between the stages resumes to the same bits", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    (void)run(net, pictures, 1, 2);
    const auto want = snapshot(net.model);
    restore(net.model, start);

    auto options = small_run(net.model, 1, 2);
    options.checkpoint_every = 1;
    const auto file = (pictures.folder.path() / "checkpoint.safetensors").string();
    struct stopped {};
    int reported = 0;
    {
        trainer all(net.ctx, net.model, options, pictures.good, pictures.textures, file);
        CHECK_THROWS_AS(all.run([&](const training_step& step) {
            CHECK(step.saved);
            if (++reported == 2)
                throw stopped();
        }),
                        stopped);
    }
    restore(net.model, start);
    trainer again(net.ctx, net.model, options, pictures.good, pictures.textures, file);
    again.resume();
    REQUIRE(again.iteration() == 1);
    again.run([](const training_step&) {});
    CHECK(changed(want, snapshot(net.model)).empty());

    auto others = pictures.textures;
    others.pop_back();
    trainer fed_otherwise(net.ctx, net.model, options, pictures.good, others, file);
    CHECK(contains(sentence_of([&] { fed_otherwise.resume(); }),
                   "checkpoint.safetensors: was written by a run with other options or pictures: "
                   "`textures` was"));
    net.model.options.momentum = 0.9 + 1e-9;
    trainer other(net.ctx, net.model, options, pictures.good, pictures.textures, file);
    CHECK(
        contains(sentence_of([&] { other.resume(); }),
                 "with other options or pictures: `momentum` was `0.9` and is now `0.900000001`"));
    net.model.options.momentum = 0.9;
    restore(net.model, start);
}

TEST_CASE("trainer: what is not finite stops the run in one sentence", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    const auto spoil = [&](const std::string& name) {
        for (auto& array : named_arrays<float>(net.model))
            if (array.name == name) {
                array.values.data[0] = std::numeric_limits<float>::quiet_NaN();
                array.stamp.touch();
            }
    };
    const auto file = (pictures.folder.path() / "checkpoint.safetensors").string();
    auto options = small_run(net.model, 3, 0);
    options.checkpoint_every = 1;
    trainer all(net.ctx, net.model, options, pictures.good, pictures.textures, file);

    SECTION("a loss, before any checkpoint") {
        spoil("student.decoder1.0.bn1.weight");
        CHECK(sentence_of([&] { all.run([](const training_step&) {}); }) ==
              "training: the loss of iteration 0 is not finite; no checkpoint was written before");
        CHECK_FALSE(std::filesystem::exists(file));
    }
    SECTION("weights, after a checkpoint") {
        // A part that stage one does not run, so that the loss stays finite.
        const auto said = sentence_of([&] {
            all.run([&](const training_step& step) {
                if (step.iteration == 1)
                    spoil("segmentation.head.weight");
            });
        });
        CHECK(said == "training: the network after iteration 1 is not finite; the last good "
                      "checkpoint is " +
                          file + " of iteration 1");
        CHECK(load_safetensors(file).metadata.at("iteration") == "1");
    }
    restore(net.model, start);
}

namespace {

/// The losses of a run in bf16; with a checkpoint one that is stopped in
/// its second stage and resumed.
std::vector<double> run_in_bf16(small_network& net,
                                const small_pictures& pictures,
                                const std::string& checkpoint = "") {
    using bf16_trainer = train::trainer<pfad::context, pfadseg, bf16>;
    auto options = small_run(net.model, 3, 3);
    options.checkpoint_every = checkpoint.empty() ? 0 : 4;
    std::vector<double> losses;
    struct stopped {};
    try {
        bf16_trainer all(net.ctx, net.model, options, pictures.good, pictures.textures, checkpoint);
        all.run([&](const training_step& step) {
            if (!checkpoint.empty() && step.iteration == 4)
                throw stopped();
            losses.push_back(sum_of(step));
        });
    } catch (const stopped&) {
        bf16_trainer rest(net.ctx, net.model, options, pictures.good, pictures.textures,
                          checkpoint);
        rest.resume();
        CHECK(rest.iteration() == 4);
        rest.run([&](const training_step& step) { losses.push_back(sum_of(step)); });
    }
    return losses;
}

/// The root of the mean square of the relative differences.
double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::pow(a[i] / b[i] - 1, 2);
    return std::sqrt(sum / static_cast<double>(a.size()));
}

} // namespace

TEST_CASE("trainer: bf16 on the CPU follows float, and resumes to the same bits", "[train]") {
    auto& net = small_network::get();
    const small_pictures pictures;
    const auto start = snapshot(net.model);
    if (!onednn::has_bf16()) { // then it is refused
        CHECK(test::error_code([&] { run_in_bf16(net, pictures); }) == errc::unsupported);
        restore(net.model, start);
        return;
    }
    const auto losses_in_float = [&] {
        std::vector<double> losses;
        for (const auto& step : run(net, pictures, 3, 3))
            losses.push_back(sum_of(step));
        return losses;
    };
    const auto want = losses_in_float();
    restore(net.model, start);
    const auto found = run_in_bf16(net, pictures);
    const auto trained = snapshot(net.model);
    CHECK_FALSE(changed(start, trained).empty());
    restore(net.model, start);
    const auto file = (pictures.folder.path() / "bf16.safetensors").string();
    CHECK(run_in_bf16(net, pictures, file) == found);
    CHECK(changed(trained, snapshot(net.model)).empty());

    // What a training in float makes of weights that start rounded; the rule is the one of
    // tests/detectors/network_copy.cpp.
    restore(net.model, start);
    for (auto& array : named_arrays<float>(net.model))
        if (array.dims.size() > 1)
            for (std::int64_t i = 0; i < array.size(); ++i)
                array.values.data[i] = static_cast<float>(bf16(array.values.data[i]));
    const auto moved = relative_distance(losses_in_float(), want);
    const auto off = relative_distance(found, want);
    restore(net.model, start);
    INFO("off " << off << ", weights alone " << moved);
    CHECK(off <= 4 * moved);
    // Both stages gain more than that.
    CHECK(found[2] < (1 - 4 * moved) * found[0]);
    CHECK(found[5] < (1 - 4 * moved) * found[3]);
}
