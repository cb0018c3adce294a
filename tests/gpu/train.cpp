// gpu_train: the programs' own training on a GPU, in float and bf16, on pictures that pfad draws.
// Losses fall; a second run gives the same bits; so does a run that is stopped and resumed after
// every second iteration, which never gets as far as to capture its step: captured is eager. Ends
// with "N passed, N failed". Or the iterations of a category at the paper's size, timed from pictures
// in files to weights on the host.
//   gpu_train [category]
#include "gpu/no_gpu.hpp"
#include "session/session.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/data/mvtec.hpp>
#include <pfad/data/synthetic.hpp>
#include <pfad/data/synthetic_textures.hpp>
#include <pfad/data/textures.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/train/teacher.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using pfad::train::training_step;

int passed = 0, failed = 0;

void check(bool ok, const std::string& what) {
    std::printf("%s %s\n", ok ? "ok  " : "FAIL", what.c_str());
    std::fflush(stdout);
    (ok ? passed : failed) += 1;
}

struct outcome {
    std::vector<double> losses, weights;
    double seconds = 0;
    friend bool operator==(const outcome& a, const outcome& b) {
        return a.losses == b.losses && a.weights == b.weights;
    }
};

class trial {
public:
    trial(program::session& device, const fs::path& folder) : device_(device), folder_(folder) {
        input.good = pfad::data::list_training_pictures(folder / "flange");
        input.textures = pfad::data::list_textures(folder / "textures");
        input.run.size = 64;
        input.run.checkpoint_every = 0;
        set({{"batch", 8}, {"student_rate", 0.05}, {"residual_rate", 0.05}, {"head_rate", 0.05}});
    }

    program::training_input input;

    /// Sets options of the network that the next run begins with.
    void set(const std::vector<std::pair<std::string, double>>& values) {
        for (const auto& [name, value] : values)
            for (const auto& o : device_.options())
                if (o.name == name && !pfad::set_value(o, pfad::exact_text(value)))
                    throw std::runtime_error(name + " cannot be set");
    }
    /// Of both stages.
    void iterate(int student, int segmentation) {
        set({{"student_iterations", student}, {"segmentation_iterations", segmentation}});
    }
    int iterations() { return static_cast<int>(pfad::iterations_of(device_.stages())); }

    /// `pieces`: stopped and resumed after every second iteration.
    outcome run(bool pieces) {
        device_.make(1);
        outcome result;
        input.run.checkpoint_every = pieces ? 2 : 0;
        const std::string file = (folder_ / "checkpoint.safetensors").string();
        input.checkpoint = pieces ? file : "";
        input.resume = false;
        fs::remove(file);
        struct stopped {};
        int last = -1;
        while (last + 1 < iterations()) {
            int in_piece = 0;
            try {
                device_.train(input, [&](const training_step& step) {
                    if (pieces && in_piece++ == 2)
                        throw stopped();
                    last = step.iteration;
                    result.losses.push_back(0);
                    for (const auto& loss : step.losses)
                        result.losses.back() += loss.value;
                    result.seconds += step.seconds;
                    return true;
                });
            } catch (const stopped&) {
            }
            input.resume = true;
        }
        const std::string weights = (folder_ / "weights.safetensors").string();
        device_.save(weights, {"pfadseg", input.run.size, 0.5, {}});
        for (const auto& [name, entry] : pfad::load_safetensors(weights).tensors)
            if (entry.type == pfad::dtype::f32) {
                const auto values = entry.values<float>();
                result.weights.insert(result.weights.end(), values.begin(), values.end());
            }
        return result;
    }

    double evaluate() {
        device_.make(1);
        const auto e = device_.evaluate(
            input.run.size, pfad::data::list_test_items(folder_ / "flange"), [](int, int) {});
        return e.result.pixel_auroc.value_or(-1);
    }

private:
    program::session& device_;
    fs::path folder_;
};

double mean(const std::vector<double>& x, std::size_t from, std::size_t count) {
    double sum = 0;
    for (std::size_t i = from; i < from + count; ++i)
        sum += x[i] / static_cast<double>(count);
    return sum;
}

/// JSON has no NaN.
std::string number(double x) {
    return std::isfinite(x) ? std::to_string(x) : "null";
}

void try_device(program::session& device, const std::string& type, const fs::path& folder) {
    trial it(device, folder);
    it.iterate(40, 40);
    const auto whole = it.run(false);
    for (const int stage : {1, 2}) {
        const std::size_t begin = stage == 1 ? 0 : 40;
        const double first = mean(whole.losses, begin, 5), last = mean(whole.losses, begin + 35, 5);
        const bool falls = std::isfinite(last) && last < 0.9 * first;
        std::printf("{\"job\": \"train\", \"dtype\": \"%s\", \"stage\": %d, \"iterations\": 40, "
                    "\"first\": %s, \"last\": %s, \"falls\": %s, \"seconds\": %.3f}\n",
                    type.c_str(), stage, number(first).c_str(), number(last).c_str(),
                    falls ? "true" : "false", whole.seconds);
        check(falls, type + ": the losses of stage " + std::to_string(stage) + " fall");
    }
    check(it.run(false) == whole, type + ": another run gives the same bits");
    it.iterate(6, 6);
    check(it.run(true) == it.run(false), type + ": captured steps give the bits of eager ones");
    const double area = it.evaluate();
    check(area >= 0 && area <= 1, type + ": an evaluation has a pixel AUROC");
}

/// The paper's training (section 4.3) in bf16 on pictures that pfad draws.
void time_category(const fs::path& folder) {
    pfad::data::make_demo_category(folder / "flange", 1, {.size = 256});
    pfad::data::make_demo_textures(folder / "textures", 1);
    const auto device = program::make_gpu<pfad::pfadseg>("pfadseg", true);
    trial it(*device, folder);
    const pfad::pfadseg_options paper;
    it.input.run.size = 256;
    it.input.run.loader_threads = 4;
    it.set({{"batch", paper.batch},
            {"student_rate", paper.student_rate},
            {"residual_rate", paper.residual_rate},
            {"head_rate", paper.head_rate}});
    it.iterate(paper.student_iterations, paper.segmentation_iterations);
    const auto begin = std::chrono::steady_clock::now();
    const auto done = it.run(false);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto last = static_cast<std::size_t>(it.iterations());
    check(done.losses.size() == last && std::isfinite(done.losses.back()),
          "category: every iteration has a loss");
    std::printf("{\"job\": \"category\", \"dtype\": \"bfloat16\", \"size\": 256, \"batch\": 16, "
                "\"iterations\": [%d, %d], \"seconds\": %.2f}\n",
                paper.student_iterations, paper.segmentation_iterations, seconds);
    std::printf("bf16 x16: %d + %d iterations in %.1f s\n", paper.student_iterations,
                paper.segmentation_iterations, seconds);
}

} // namespace

/// Of sessions; the programs' is oneDNN's.
void program::make_random_teacher(pfad::resnet18<float>& teacher,
                                  int size,
                                  std::uint64_t seed,
                                  const pictures& good,
                                  int threads,
                                  const pfad::picture_options& reading) {
    pfad::cpu::context ctx(threads);
    pfad::train::make_random_teacher(ctx, teacher, size, seed, good, reading);
}

int main(int argc, char** argv) {
    if (!pfad::test::gpu_is_here("gpu_train"))
        return pfad::test::cannot_run;
    const fs::path folder =
        fs::temp_directory_path() / (argc > 1 ? "pfad_gpu_category" : "pfad_gpu_train");
    try {
        fs::remove_all(folder);
        if (argc > 1 && std::string(argv[1]) == "category") {
            time_category(folder);
            fs::remove_all(folder);
            return failed == 0 ? 0 : 1;
        }
        for (const bool bf16 : {false, true}) {
            const auto device = program::make_gpu<pfad::pfadseg>("pfadseg", bf16);
            if (!bf16) {
                pfad::data::make_demo_category(folder / "flange", 1);
                pfad::data::make_demo_textures(folder / "textures", 1);
            }
            try_device(*device, bf16 ? "bfloat16" : "float32", folder);
        }
        fs::remove_all(folder);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "gpu_train: %s\n", problem.what());
        return 1;
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
