// pfad_conformance: one model on a category by every way there is to compute it, pfad's own and other
// runtimes', with the largest differences of scores and maps from the first way, and the metrics of each.
#include "session/options.hpp"
#include "session/way.hpp"

#include <pfad/detectors/all.hpp>
#include <pfad/evaluate/test_sample.hpp>
#include <pfad/metrics/evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace pfad;

struct arguments {
    std::string model, data, runtimes, onnx, device = "cpu";
    bool plain = false;
    int threads = 0;
};

/// Maps (n, size, size) and scores (n) of one way.
struct result {
    std::string name;
    std::vector<float> maps;
    std::vector<double> scores;
};

/// The pictures as the network sees them, their masks at that size, and which have a defect.
struct samples {
    std::int64_t size;
    std::vector<std::uint8_t> pixels, masks, labels;

    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

samples load(host_memory& ctx, const std::vector<data::test_item>& items, int size) {
    samples all{size, {}, {}, {}};
    for (const auto& item : items) {
        const auto one = load_test_sample(ctx, item, size);
        all.pixels.insert(all.pixels.end(), one.pixels.data(),
                          one.pixels.data() + one.pixels.size());
        all.masks.insert(all.masks.end(), one.mask.begin(), one.mask.end());
        all.labels.push_back(one.anomalous);
    }
    return all;
}

result run(host_memory& ctx, const program::way& way, const samples& all) {
    result r{way.name, {}, {}};
    const auto pixels = empty<std::uint8_t>(ctx, shape<4>{{1, all.size, all.size, 3}});
    program::progress progress(static_cast<int>(all.count()));
    for (std::int64_t i = 0; i < all.count(); ++i) {
        std::copy_n(all.pixels.data() + i * pixels.size(), pixels.size(), pixels.data());
        const auto found = way.inspect(pixels);
        r.maps.insert(r.maps.end(), found.maps.data(), found.maps.data() + found.maps.size());
        r.scores.push_back(static_cast<double>(found.scores.data()[0]));
        progress.show(static_cast<int>(i) + 1, 1, r.name);
    }
    return r;
}

/// By pfad on the GPU.
void on_gpu(const arguments& a,
            const state_dict& file,
            const std::vector<data::test_item>& items,
            std::vector<result>& to) {
    const std::pair<const char*, const char*> ways[] = {{"float", "CUDA, float (TF32)"},
                                                        {"bf16", "CUDA, bf16"}};
    for (const auto& [precision, name] : ways) {
        program::progress progress(static_cast<int>(items.size()));
        const auto work = program::make_session({"cuda", precision, a.threads}, method_of(file));
        work->load(file);
        const auto e =
            work->evaluate(work->describe(file).size, items,
                           [&, text = name](int done, int) { progress.show(done, 1, text); });
        to.push_back({name, {e.maps.data(), e.maps.data() + e.maps.size()}, e.scores});
    }
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
void by_command(const arguments& a, const samples& all, std::vector<result>& to) {
    const temporary_folder folder;
    const std::string pixels = folder.path() / "pixels.safetensors", out = folder.path() / "out";
    std::filesystem::create_directory(out);
    save_safetensors(pixels,
                     {{"pixels", owned_entry(all.pixels, {all.count(), all.size, all.size, 3})}});
    std::string command =
        a.runtimes + " " + quoted(a.model) + " " + quoted(pixels) + " " + quoted(out);
    if (!a.onnx.empty())
        command += " " + quoted(a.onnx);
    if (std::system(command.c_str()) != 0)
        fail(errc::value, "--runtimes: this command failed: " + a.runtimes);
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(out))
        files.insert(entry.path());
    expect(!files.empty(), "--runtimes", "the command writes a result");
    for (const auto& path : files) {
        const auto file = load_safetensors(path);
        const auto name = file.metadata.find("runtime");
        expect(name != file.metadata.end(), "--runtimes", "a result has the name of its runtime");
        const std::int64_t n = all.count(), s = all.size;
        const auto scores = file.at("scores", std::vector{n}).values<float>();
        const auto maps = file.at("maps", std::vector{n, s, s}).values<float>();
        const auto finite = [](float v) { return std::isfinite(v); };
        if (!std::ranges::all_of(maps, finite) || !std::ranges::all_of(scores, finite))
            fail(errc::value, "--runtimes: " + name->second + " gives a value that is not finite");
        to.push_back({name->second, maps, {scores.begin(), scores.end()}});
    }
}

double largest_difference(const auto& a, const auto& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double gap = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        largest = std::max(largest, gap);
    }
    return largest;
}

void print(const samples& all, const std::vector<result>& results) {
    std::printf("%-34s %10s %10s %8s %8s %8s %8s %8s\n",
                "largest difference from the first:", "score", "map", "image", "pixel", "pixel AP",
                "AUPRO", "IAP");
    const shape<3> dims = {{all.count(), all.size, all.size}};
    for (const auto& r : results) {
        const auto found = metrics::evaluate_maps({r.maps.data(), dims}, {all.masks.data(), dims},
                                                  r.scores, all.labels);
        std::printf("%-34s %10.2e %10.2e", r.name.c_str(),
                    largest_difference(r.scores, results[0].scores),
                    largest_difference(r.maps, results[0].maps));
        for (const auto& value :
             {found.image_auroc, found.pixel_auroc, found.pixel_ap, found.aupro, found.iap})
            if (value)
                std::printf(" %8.4f", *value);
            else
                std::printf(" %8s", "-");
        std::printf("\n");
    }
}

int compare(const arguments& a) {
    const auto file = load_safetensors(a.model);
    const auto work = program::make_session({"cpu", "float", a.threads}, method_of(file));
    const auto items = data::list_test_items(a.data);
    if (a.device == "cuda") // refused before the CPU computes for minutes
        static_cast<void>(program::make_session({"cuda", "float", a.threads}, method_of(file)));
    host_memory memory(std::make_shared<pool>());
    const auto all = load(memory, items, work->describe(file).size);
    std::vector<result> others, results;
    if (!a.runtimes.empty()) // first: what is wrong with a command is soon known
        by_command(a, all, others);
    std::vector<program::way> ways;
    with_detector(method_of(file), [&]<template <class, class> class D>(detector_type<D>) {
        ways = program::cpu_ways<D>(file, a.threads, a.plain);
    });
    for (const auto& way : ways)
        results.push_back(run(memory, way, all));
    if (a.device == "cuda")
        on_gpu(a, file, items, results);
    results.insert(results.end(), others.begin(), others.end());
    print(all, results);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Computes a model by every way there is, and says how far they differ."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
    app.add_option("--data", a.data, "folder of the category, in the MVTec AD layout")->required();
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
    if (const int status = program::parse("pfad_conformance", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_conformance", [&] { return compare(a); });
}
