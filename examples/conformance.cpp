// pfad_conformance: one model on a category by every way there is to compute it, pfad's own and other
// runtimes', with the largest differences of scores and maps from the first way, and the metrics of each.
#include "device/options.hpp"

#include <pfad/pfadseg.hpp>

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

/// Pixels (1, size, size, 3) to a map and its score.
using inspect_one = std::function<prediction<host>(const tensor<std::uint8_t, 4>&)>;

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

samples load(context& ctx, const std::vector<data::test_item>& items, int size) {
    samples all{size, {}, {}, {}};
    for (const auto& item : items) {
        const auto one = data::load_test_sample(ctx, item, size);
        all.pixels.insert(all.pixels.end(), one.pixels.data(),
                          one.pixels.data() + one.pixels.size());
        all.masks.insert(all.masks.end(), one.mask.begin(), one.mask.end());
        all.labels.push_back(one.anomalous);
    }
    return all;
}

/// Every op by itself, as training runs them: a tape that records fuses nothing.
template <class Context>
inspect_one op_by_op(Context& ctx, const pfadseg<float>& model) {
    return [&](const tensor<std::uint8_t, 4>& pixels) {
        tape<Context> t(ctx, mode::eval, recording::on);
        const auto small = model(t, constant(normalise_image<float>(ctx, pixels)));
        const auto map = resize_bilinear(t, small, pixels.extent(1), pixels.extent(2)).value;
        return prediction<host>{map, top_k_mean(ctx, map)};
    };
}

template <class Context, class T>
inspect_one by_predictor(Context& ctx, pfadseg<float>& model) {
    const auto predict = std::make_shared<predictor<Context, T>>(ctx, model);
    return [predict](const tensor<std::uint8_t, 4>& pixels) { return (*predict)(pixels); };
}

result run(context& ctx, std::string name, const samples& all, const inspect_one& inspect) {
    result r{std::move(name), {}, {}};
    const auto pixels = empty<std::uint8_t>(ctx, shape<4>{{1, all.size, all.size, 3}});
    program::progress progress(static_cast<int>(all.count()));
    for (std::int64_t i = 0; i < all.count(); ++i) {
        std::copy_n(all.pixels.data() + i * pixels.size(), pixels.size(), pixels.data());
        const auto found = inspect(pixels);
        r.maps.insert(r.maps.end(), found.maps.data(), found.maps.data() + found.maps.size());
        r.scores.push_back(static_cast<double>(found.scores.data()[0]));
        progress.show(static_cast<int>(i) + 1, 1, r.name);
    }
    return r;
}

/// By pfad on the CPU: float by each path through its convolutions, and bf16 where it has that.
void on_cpu(const arguments& a,
            const state_dict& file,
            const samples& all,
            std::vector<result>& to) {
    context ctx(a.threads), direct(a.threads);
    direct.convolutions = onednn::conv2d_algorithm::direct;
    cpu::context plain(a.threads);
    auto options = describe_model(file).options;
    pfadseg<float> model(ctx, options);
    options.pcar_path = nn::pcar_path::branches;
    pfadseg<float> apart(ctx, options);
    from_state_dict(model, file);
    from_state_dict(apart, file);
    if (a.plain)
        to.push_back(run(ctx, "plain loops, float, op by op", all, op_by_op(plain, apart)));
    to.push_back(run(ctx, "oneDNN, float, direct, op by op", all, op_by_op(direct, apart)));
    to.push_back(
        run(ctx, "oneDNN, float, direct", all, by_predictor<context, float>(direct, model)));
    to.push_back(run(ctx, "oneDNN, float", all, by_predictor<context, float>(ctx, model)));
    if (onednn::has_bf16())
        to.push_back(run(ctx, "oneDNN, bf16", all, by_predictor<context, bf16>(ctx, model)));
}

/// By pfad on the GPU.
void on_gpu(const arguments& a,
            const state_dict& file,
            const std::vector<data::test_item>& items,
            std::vector<result>& to) {
    const auto description = describe_model(file);
    host_memory memory(std::make_shared<pool>());
    pfadseg<float> model(memory, description.options);
    from_state_dict(model, file);
    const std::pair<const char*, const char*> ways[] = {{"float", "CUDA, float (TF32)"},
                                                        {"bf16", "CUDA, bf16"}};
    for (const auto& [precision, name] : ways) {
        program::progress progress(static_cast<int>(items.size()));
        const auto device = program::make_device({"cuda", precision, a.threads});
        const auto e =
            device->evaluate(model, description.size, items,
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
    const auto description = describe_model(file);
    const auto items = data::list_test_items(a.data);
    if (a.device == "cuda") // refused before the CPU computes for minutes
        static_cast<void>(program::make_device({"cuda", "float", a.threads}));
    context ctx(a.threads);
    const auto all = load(ctx, items, description.size);
    std::vector<result> others, results;
    if (!a.runtimes.empty()) // first: what is wrong with a command is soon known
        by_command(a, all, others);
    on_cpu(a, file, all, results);
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
