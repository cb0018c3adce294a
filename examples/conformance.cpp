// pfad_conformance: one model on a category by every way that the CPU has to compute it, with
// the largest differences of scores and maps from the first way, and the metrics of each.
#include "program.hpp"

#include <pfad/pfadseg.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace pfad;

struct arguments {
    std::string model, data;
    bool plain = false;
    int threads = 0;
};

/// Pixels (1, size, size, 3) to a map and its score.
using inspect_one = std::function<prediction<host>(const tensor<std::uint8_t, 4>&)>;

struct runtime {
    std::string name;
    inspect_one inspect;
    std::vector<float> maps;
    std::vector<double> scores;
};

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

double largest_difference(const auto& a, const auto& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double gap = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(gap <= largest)) // a NaN is the largest
            largest = gap;
    }
    return largest;
}

int compare(const arguments& a) {
    const auto file = load_safetensors(a.model);
    const auto description = describe_model(file);
    context ctx(a.threads), direct(a.threads);
    direct.convolutions = onednn::conv2d_algorithm::direct;
    cpu::context plain(a.threads);
    auto options = description.options;
    pfadseg<float> model(ctx, options);
    options.pcar_path = nn::pcar_path::branches;
    pfadseg<float> apart(ctx, options);
    from_state_dict(model, file);
    from_state_dict(apart, file);

    std::vector<runtime> runtimes;
    if (a.plain)
        runtimes.push_back({"plain loops, float, op by op", op_by_op(plain, apart), {}, {}});
    runtimes.push_back({"oneDNN, float, direct, op by op", op_by_op(direct, apart), {}, {}});
    runtimes.push_back(
        {"oneDNN, float, direct", by_predictor<context, float>(direct, model), {}, {}});
    runtimes.push_back({"oneDNN, float", by_predictor<context, float>(ctx, model), {}, {}});
    if (onednn::has_bf16())
        runtimes.push_back({"oneDNN, bf16", by_predictor<context, bf16>(ctx, model), {}, {}});

    const auto items = data::list_test_items(a.data);
    std::vector<std::uint8_t> masks, labels;
    program::progress progress(static_cast<int>(items.size()));
    for (const auto& item : items) {
        const auto sample = data::load_test_sample(ctx, item, description.size);
        masks.insert(masks.end(), sample.mask.begin(), sample.mask.end());
        labels.push_back(sample.anomalous);
        for (auto& r : runtimes) {
            const auto found = r.inspect(sample.pixels);
            r.maps.insert(r.maps.end(), found.maps.data(), found.maps.data() + found.maps.size());
            r.scores.push_back(static_cast<double>(found.scores.data()[0]));
        }
        progress.show(static_cast<int>(labels.size()), 1, "comparing");
    }

    std::int64_t const n = static_cast<std::int64_t>(items.size()), s = description.size;
    std::printf("%-30s %10s %10s %8s %8s %8s %8s %8s\n",
                "largest difference from the first:", "score", "map", "image", "pixel", "pixel AP",
                "AUPRO", "IAP");
    for (const auto& r : runtimes) {
        const auto found = metrics::evaluate_maps({r.maps.data(), {{n, s, s}}},
                                                  {masks.data(), {{n, s, s}}}, r.scores, labels);
        std::printf("%-34s %10.2e %10.2e", r.name.c_str(),
                    largest_difference(r.scores, runtimes[0].scores),
                    largest_difference(r.maps, runtimes[0].maps));
        for (const auto& value :
             {found.image_auroc, found.pixel_auroc, found.pixel_ap, found.aupro, found.iap})
            if (value)
                std::printf(" %8.4f", *value);
            else
                std::printf(" %8s", "-");
        std::printf("\n");
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    arguments a;
    CLI::App app{"Computes a model by every way that the CPU has, and says how far they differ."};
    app.add_option("--model", a.model, "model.safetensors of pfad_train")->required();
    app.add_option("--data", a.data, "folder of the category, in the MVTec AD layout")->required();
    app.add_flag("--plain", a.plain, "the plain loops, too: they take seconds a picture");
    app.add_option("--threads", a.threads, "of the CPU; 0: one per processor")
        ->check(program::thread_range)
        ->capture_default_str();
    if (const int status = program::parse("pfad_conformance", app, argc, argv); status >= 0)
        return status;
    return program::run("pfad_conformance", [&] { return compare(a); });
}
