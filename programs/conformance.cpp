// pfad_conformance: one model on a category by every way there is to compute it, pfad's own and other
// runtimes', with the largest differences of scores and maps from the first way, and the metrics of each.
#include "session/options.hpp"
#include "session/way.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/detect/model_pixels.hpp>
#include <pfad/detectors/all.hpp>
#include <pfad/evaluate/evaluator.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace pfad;

struct arguments {
    std::string model, data, runtimes, onnx, device = "cpu";
    bool plain = false;
    int threads = 0;
    program::reading_options reading;
};

/// What one way finds.
struct result {
    std::string name;
    evaluation found;
};

/// With progress under the way's name: evaluates by f(report).
template <class F>
result run(const std::string& name, std::size_t pictures, F&& f) {
    program::progress progress(static_cast<int>(pictures));
    return {name, f([&](int done, int) { progress.show(done, 1, name); })};
}

/// A folder for as long as this lives.
class temporary_folder {
public:
    temporary_folder() {
        std::string name = std::filesystem::temp_directory_path() / "pfad_conformance.XXXXXX";
        if (!mkdtemp(name.data()))
            fail(errc::io, name + ": cannot be made");
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

/// By whatever the command has: it is given the model, a file of pixels, a folder for results, and the
/// ONNX file; it writes a file of `maps` and `scores` for each runtime, whose metadata names that.
std::vector<result> by_command(cpu::context& memory,
                               const arguments& a,
                               const std::vector<data::test_item>& items,
                               int size) {
    const temporary_folder folder;
    const std::string in = folder.path() / "pixels.safetensors", out = folder.path() / "out";
    std::filesystem::create_directory(out);
    std::vector<std::uint8_t> pixels;
    for (const auto& item : items) {
        const auto one =
            detect::model_pixels(memory, read_picture(item.picture, a.reading.values), size);
        pixels.insert(pixels.end(), one.data(), one.data() + one.size());
    }
    const std::int64_t n = static_cast<std::int64_t>(items.size()), s = size;
    save_safetensors(in, {{"pixels", owned_entry(pixels, {n, s, s, 3})}});
    std::string command = a.runtimes + " " + quoted(a.model) + " " + quoted(in) + " " + quoted(out);
    if (!a.onnx.empty())
        command += " " + quoted(a.onnx);
    if (std::system(command.c_str()) != 0)
        fail(errc::value, "--runtimes: this command failed: " + a.runtimes);
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(out))
        files.insert(entry.path());
    expect(!files.empty(), "--runtimes", "the command writes a result");
    std::vector<result> results;
    for (const auto& path : files) {
        const auto file = load_safetensors(path);
        const auto name = file.metadata.find("runtime");
        expect(name != file.metadata.end(), "--runtimes", "a result has the name of its runtime");
        const auto scores = file.at("scores", std::vector{n}).values<float>();
        const auto maps = file.at("maps", std::vector{n, s, s}).values<float>();
        const auto finite = [](float v) { return std::isfinite(v); };
        if (!std::ranges::all_of(maps, finite) || !std::ranges::all_of(scores, finite))
            fail(errc::value, "--runtimes: " + name->second + " gives a value that is not finite");
        auto map = maps.begin();
        auto score = scores.begin();
        const auto next = [&](const auto&) {
            prediction<host> found{empty<float>(memory, shape<4>{{1, s, s, 1}}),
                                   empty<float>(memory, shape<1>{{1}})};
            std::copy_n(map, s * s, found.maps.data());
            map += s * s;
            found.scores.data()[0] = *score++;
            return found;
        };
        results.push_back(
            {name->second, evaluate(
                               memory, next, size, items, [](int, int) {}, a.reading.values)});
    }
    return results;
}

template <class T>
double largest_difference(std::span<const T> a, std::span<const T> b) {
    return std::transform_reduce(
        a.begin(), a.end(), b.begin(), 0.0, [](double x, double y) { return std::max(x, y); },
        [](double x, double y) { return std::abs(x - y); });
}

void print(const std::vector<result>& results) {
    std::printf("%-34s %10s %10s %8s %8s %8s %8s %8s\n",
                "largest difference from the first:", "score", "map", "image", "pixel", "pixel AP",
                "AUPRO", "IAP");
    const auto maps = [](const evaluation& e) {
        return std::span<const float>(e.maps.data(), static_cast<std::size_t>(e.maps.size()));
    };
    const auto& first = results[0].found;
    for (const auto& [name, e] : results) {
        std::printf("%-34s %10.2e %10.2e", name.c_str(),
                    largest_difference<double>(e.scores, first.scores),
                    largest_difference<float>(maps(e), maps(first)));
        const auto& m = e.result;
        for (const auto& value : {m.image_auroc, m.pixel_auroc, m.pixel_ap, m.aupro, m.iap})
            if (value)
                std::printf(" %8.4f", *value);
            else
                std::printf(" %8s", "-");
        std::printf("\n");
    }
}

int compare(arguments a) {
    const auto file = load_safetensors(a.model);
    const auto items = data::list_test_items(a.data);
    int size = 0;
    std::vector<program::way> ways;
    with_detector(method_of(file), [&]<template <class, class> class D>(detector_type<D>) {
        const auto description = describe_model<D>(file);
        size = description.size;
        if (a.reading.values.bits == 0)
            a.reading.values.bits = description.bits;
        ways = program::cpu_ways<D>(file, a.threads, a.plain);
    });
    if (a.device == "cuda") // refused before the CPU computes for minutes
        static_cast<void>(program::make_session({"cuda", "float", a.threads}, method_of(file)));
    cpu::context ctx(1);
    std::vector<result> others, results;
    if (!a.runtimes.empty()) // first: what is wrong with a command is soon known
        others = by_command(ctx, a, items, size);
    for (const auto& way : ways)
        results.push_back(run(way.name, items.size(), [&](auto&& report) {
            return evaluate(ctx, way.inspect, size, items, report, a.reading.values);
        }));
    if (a.device == "cuda")
        for (const bool bf16 : {false, true}) {
            const auto work = program::make_session({"cuda", bf16 ? "bf16" : "float", a.threads},
                                                    method_of(file), a.reading);
            work->load(file);
            results.push_back(
                run(bf16 ? "CUDA, bf16" : "CUDA, float (TF32)", items.size(),
                    [&](auto&& report) { return work->evaluate(size, items, report); }));
        }
    results.insert(results.end(), others.begin(), others.end());
    print(results);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    return program::run("pfad_conformance", [&] {
        arguments a;
        CLI::App app{"Computes a model by every way there is, and says how far they differ."};
        app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
        app.add_option("--data", a.data, "folder of the category, in the MVTec AD layout")
            ->required();
        app.add_flag("--plain", a.plain, "the plain loops, too: they take seconds a picture");
        auto* const runtimes =
            app.add_option("--runtimes", a.runtimes,
                           "other runtimes, too: this command, see examples/pytorch/runtimes.py");
        app.add_option("--onnx", a.onnx, "the model by pfad_export, for those of them that take it")
            ->needs(runtimes)
            ->check(CLI::ExistingFile);
        app.add_option("--device", a.device, "cuda: the GPU, too")
            ->check(CLI::IsMember({"cpu", "cuda"}))
            ->capture_default_str();
        app.add_option("--threads", a.threads, "of the CPU; 0: one per processor")
            ->check(program::thread_range)
            ->capture_default_str();
        a.reading.add_to(app);
        return program::parse_and_run(app, argc, argv, [&] { return compare(a); });
    });
}
