#include "data/picture_folder.hpp"
#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/detect/inspector.hpp>
#include <pfad/detectors/stpm.hpp>
#include <pfad/io/picture_view.hpp>
#include <pfad/onednn.hpp>
#include <pfad/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

/// The share of the pixel `from` of `in` in the pixel `to` of `out`.
double hat(std::int64_t from, std::int64_t to, std::int64_t in, std::int64_t out) {
    const double at =
        (static_cast<double>(to) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    return std::max(0.0, 1 - std::abs(std::clamp(at, 0.0, static_cast<double>(in - 1)) -
                                      static_cast<double>(from)));
}

/// 1/2 |t - s|^2 of the unit vectors at a position.
double
distance(const array<4>& t, const array<4>& s, std::int64_t n, std::int64_t i, std::int64_t j) {
    double tt = 0, ss = 0, sum = 0;
    for (std::int64_t c = 0; c < t.extent(3); ++c) {
        tt += t(n, i, j, c) * t(n, i, j, c);
        ss += s(n, i, j, c) * s(n, i, j, c);
    }
    for (std::int64_t c = 0; c < t.extent(3); ++c)
        sum += std::pow(t(n, i, j, c) / std::sqrt(tt) - s(n, i, j, c) / std::sqrt(ss), 2) / 2;
    return sum;
}

array<4> wanted(const std::vector<array<4>>& t,
                const std::vector<array<4>>& s,
                std::int64_t h,
                std::int64_t w) {
    array<4> product(shape<4>{t[0].extent(0), h, w, 1}, 1);
    for (std::size_t k = 0; k < t.size(); ++k) {
        array<4> level(product.dims);
        const std::int64_t lh = t[k].extent(1), lw = t[k].extent(2);
        for (std::int64_t n = 0; n < product.extent(0); ++n)
            for (std::int64_t p = 0; p < lh; ++p)
                for (std::int64_t q = 0; q < lw; ++q) {
                    const double d = distance(t[k], s[k], n, p, q);
                    for (std::int64_t i = 0; i < h; ++i)
                        for (std::int64_t j = 0; j < w; ++j)
                            level(n, i, j, 0) += hat(p, i, lh, h) * hat(q, j, lw, w) * d;
                }
        for (std::size_t i = 0; i < level.data.size(); ++i)
            product.data[i] *= level.data[i];
    }
    return product;
}

std::map<std::string, std::vector<float>> snapshot(stpm<float>& model) {
    std::map<std::string, std::vector<float>> arrays;
    for (const auto& array : named_arrays<float>(model))
        arrays[array.name].assign(array.values.data, array.values.data + array.size());
    return arrays;
}

constexpr int size = 32;
constexpr stpm_options short_run{.batch = 2, .iterations = 4, .rate = 0.1};

struct drawn_pictures {
    picture_folder folder;
    std::vector<std::filesystem::path> good;

    drawn_pictures() {
        for (int i = 0; i < 3; ++i)
            good.push_back(folder.picture(std::to_string(i) + ".png", some_picture(40, 36, 3, i)));
    }
};

template <class Context>
stpm<float> new_model(Context& ctx, std::uint64_t seed) {
    stpm<float> model(ctx, short_run);
    model.initialise(seed);
    return model;
}

} // namespace

TEST_CASE("stpm: names, counts and the range of scores", "[detectors]") {
    static_assert(detector<stpm>);
    cpu::context ctx(1);
    stpm<float> m(ctx);
    CHECK(parameter_count(m.student) == 2782784);
    CHECK(parameter_count(m) == 2 * 2782784);
    const auto arrays = snapshot(m);
    CHECK(arrays.contains("teacher.layer3.1.conv2.weight"));
    CHECK(arrays.contains("student.layer3.1.conv2.weight"));
    CHECK_FALSE(arrays.contains("student.layer4.0.conv1.weight"));
    CHECK(stpm<float>::scores.highest == 8);
    CHECK(stpm<float>::methods().front().name == "stpm");
    // One picture has values enough; none is no batch.
    stpm_options options;
    options.batch = 1;
    options.check(32);
    options.batch = 0;
    CHECK(sentence_of([&] { options.check(32); }) ==
          "training: `batch` is 0, but must be a whole number from 1 to 1048576");
    // The two start apart.
    m.initialise(1);
    CHECK(m.student.conv1.weight.value.data()[0] != m.teacher.conv1.weight.value.data()[0]);
}

TEMPLATE_LIST_TEST_CASE("stpm: the map is the product of resized distances",
                        "[detectors]",
                        backends) {
    auto ctx = make_context<TestType>(2);
    auto model = new_model(ctx, 5);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        network_copy<stpm, T, TestType> copy(ctx, model);
        const auto& net = copy.get();
        const auto x = constant(upload<T>(ctx, random_array(shape<4>{2, 40, 24, 3}, "x", -2, 2)));
        tape<TestType> t(ctx, mode::eval);
        std::vector<array<4>> target, found;
        for (const auto& level : net.teacher(t, x))
            target.push_back(download(ctx, level.value));
        for (const auto& level : net.student(t, x))
            found.push_back(download(ctx, level.value));
        const auto want = wanted(target, found, 40, 24);
        const maps<float> y = net(t, x); // in float also of bf16
        check_close(download(ctx, y.value), want, 1e-5 * largest(want));
        const auto scores = scores_of(net, ctx, y.value);
        for (std::int64_t n = 0; n < 2; ++n)
            CHECK(scores.data()[n] ==
                  *std::max_element(y.value.data() + n * 960, y.value.data() + (n + 1) * 960));
    });
}

TEMPLATE_LIST_TEST_CASE("stpm: the loss is the authors', for the student alone",
                        "[detectors]",
                        backends) {
    auto ctx = make_context<TestType>(2);
    auto model = new_model(ctx, 5);
    const auto before = snapshot(model);
    tape<TestType> t(ctx, mode::train);
    const data::clean_pictures<float> x{
        upload<float>(ctx, random_array(shape<4>{2, 32, 32, 3}, "x", -2, 2))};
    const auto losses = model.student_losses(t, x);
    CHECK(losses.weight == 0.5);
    tape<TestType> fixed(ctx, mode::eval);
    auto again = new_model(ctx, 5);
    tape<TestType> train(ctx, mode::train);
    const auto target = again.teacher(fixed, constant(x.clean));
    const auto found = again.student(train, constant(x.clean));
    double want = 0;
    for (std::size_t k = 0; k < 3; ++k) {
        const auto a = download(ctx, target[k].value), b = download(ctx, found[k].value);
        for (std::int64_t n = 0; n < 2; ++n)
            for (std::int64_t i = 0; i < a.extent(1); ++i)
                for (std::int64_t j = 0; j < a.extent(2); ++j)
                    want += 2 * distance(a, b, n, i, j) /
                            static_cast<double>(a.extent(1) * a.extent(2));
    }
    CHECK(std::abs(static_cast<double>(losses.parts.data()[0]) - want) < 1e-5 * want);
    backward(t, losses);
    for (const auto& entry : named_arrays<float>(model))
        if (entry.trained)
            CHECK((entry.gradient() != nullptr) == entry.name.starts_with("student."));
    // Nor do the teacher's statistics move.
    for (const auto& [name, values] : snapshot(model))
        CHECK((values == before.at(name)) ==
              (name.find("running_") == name.npos || name.starts_with("teacher.")));
}

TEMPLATE_LIST_TEST_CASE("stpm: trains, resumes to the same bits, and is found in its file",
                        "[detectors]",
                        backends) {
    const drawn_pictures pictures;
    const auto checkpoint = pictures.folder / "checkpoint.safetensors";
    const auto file = pictures.folder / "model.safetensors";
    auto ctx = make_context<TestType>(2);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        train::run_options run;
        run.size = size;
        run.checkpoint_every = 0;
        auto model = new_model(ctx, 3);
        std::vector<double> losses;
        train::trainer<TestType, stpm, T>(ctx, model, run, pictures.good, {})
            .run([&](const auto& step) { losses.push_back(step.loss("distance")); });
        REQUIRE(losses.size() == 4);
        CHECK(losses[0] < 6);
        CHECK(losses[3] < 0.9 * losses[0]);
        const auto trained = snapshot(model);

        struct stopped {};
        run.checkpoint_every = 2;
        auto first = new_model(ctx, 3);
        train::trainer<TestType, stpm, T> until(ctx, first, run, pictures.good, {}, checkpoint);
        CHECK_THROWS_AS(until.run([&](const auto& step) {
            if (step.iteration == 2)
                throw stopped();
        }),
                        stopped);
        auto second = new_model(ctx, 4); // other weights, which the checkpoint replaces
        train::trainer<TestType, stpm, T> rest(ctx, second, run, pictures.good, {}, checkpoint);
        rest.resume();
        CHECK(rest.iteration() == 2);
        rest.run([](const auto&) {});
        CHECK(snapshot(second) == trained);

        save_model<stpm>(file, model, {"stpm", size, 1e-6, {}});
        auto loaded = load_model<stpm>(ctx, load_safetensors(file));
        CHECK(snapshot(loaded.network) == trained);
        CHECK(loaded.description.threshold == 1e-6);
        CHECK(loaded.network.options.rate == 0.1);

        const auto picture = some_picture(size, size, 3, 7);
        const auto pixels = empty<std::uint8_t>(ctx, shape<4>{1, size, size, 3});
        std::copy(picture.pixels.begin(), picture.pixels.end(), pixels.data());
        const auto found = predictor<TestType, stpm, T>(ctx, model)(pixels);
        const auto inspector = detect::inspector<TestType, stpm, T>::load(file, {2});
        const auto seen =
            inspector.inspect({picture.pixels.data(), size, size, pixel_format::rgb, 3 * size});
        CHECK(seen.score == static_cast<double>(found.scores.data()[0]));
        CHECK(seen.score > 0);
        CHECK(seen.defect == (seen.score >= 1e-6));
        CHECK(std::equal(found.maps.data(), found.maps.data() + size * size, seen.map.data()));
    });
}

TEST_CASE("stpm: a heat map is brightest at four thresholds", "[detectors]") {
    const auto& scores = stpm<float>::scores;
    CHECK(scores.brightest(0.5) == 2);
    CHECK(scores.brightest(3) == scores.highest);
    CHECK(scores.brightest(0) == scores.highest); // a threshold that a file may have
}
