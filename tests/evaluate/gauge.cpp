#include "data/picture_folder.hpp"
#include "support/catch.hpp"
#include "support/sentence.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/evaluate/gauge.hpp>

#include <map>
#include <string>

using namespace pfad;

namespace {

// A detector that calls bright pictures defects: its score is the mean of all values, in [0, 1].
prediction<host> mean_of(cpu::context& ctx, const tensor<std::uint8_t, 4>& pixels) {
    double sum = 0;
    for (std::int64_t i = 0; i < pixels.size(); ++i)
        sum += pixels.data()[i];
    const float mean = static_cast<float>(sum / 255 / static_cast<double>(pixels.size()));
    return {full(ctx, shape<4>{{1, pixels.extent(1), pixels.extent(2), 1}}, mean),
            full(ctx, shape<1>{{1}}, mean)};
}

image_u8 grey(std::uint8_t value) {
    image_u8 picture = some_picture(40, 40, 3, 1);
    std::fill_n(picture.pixels.data(), picture.pixels.size(), value);
    return picture;
}

} // namespace

TEST_CASE("gauge: what changes do to a detector of brightness", "[evaluate]") {
    cpu::context ctx(1);
    picture_folder folder;
    std::vector<std::filesystem::path> good;
    for (int i = 0; i < 20; ++i) // of which 16 are looked at
        good.push_back(folder.picture("good/" + std::to_string(i) + ".png", grey(120)));
    const auto found = measure_gauge(
        ctx, [&](const auto& pixels) { return mean_of(ctx, pixels); }, 32, 0.5, good);
    REQUIRE(found.size() == gauge_changes.size());
    std::map<std::string_view, gauge_reading> of;
    for (const auto& one : found)
        of[one.text] = one;
    // 120 / 255 is 0.4706; pixels are whole numbers.
    CHECK(of["10 % brighter"].median == Approx(132 / 255.0).margin(1e-6));
    CHECK(of["10 % brighter"].flagged == 1);
    CHECK(of["as they are"].median == Approx(120 / 255.0).margin(1e-6));
    CHECK(of["25 % brighter"].median == Approx(150 / 255.0).margin(1e-6));
    CHECK(of["20 % darker"].median == Approx(96 / 255.0).margin(1e-6));
    CHECK(of["20 % darker"].flagged == 0);
    CHECK(of["moved by 4 %"].median == Approx(120 / 255.0).margin(1e-6));
    CHECK(of["of 25 % more contrast"].median == Approx(118 / 255.0).margin(1e-6));
    CHECK(gauge_text(found) == "good pictures are called defects where they are 10 % brighter "
                               "(100 %), 25 % brighter (100 %)");
}

TEST_CASE("gauge: what is flagged without a change is not due to one", "[evaluate]") {
    const auto of = [](double unchanged, double darker) {
        return gauge_text({{"as they are", unchanged, 0}, {"10 % darker", darker, 0}});
    };
    CHECK(of(0, 0.15) == "good pictures are called defects where they are 10 % darker (15 %)");
    CHECK(of(0.1, 0.15) ==
          "good pictures stay good in the light and at the places that were tried");
}

TEST_CASE("gauge: nothing to say of a detector that is content", "[evaluate]") {
    cpu::context ctx(1);
    picture_folder folder;
    const std::vector<std::filesystem::path> good = {folder.picture("good/0.png", grey(10))};
    const auto found = measure_gauge(
        ctx, [&](const auto& pixels) { return mean_of(ctx, pixels); }, 32, 0.5, good);
    CHECK(gauge_text(found) ==
          "good pictures stay good in the light and at the places that were tried");
    CHECK(contains(sentence_of([&] {
                       (void)measure_gauge(ctx,
                                           [&](const auto& pixels) { return mean_of(ctx, pixels); },
                                           32, 0.5, {});
                   }),
                   "there is a good picture"));
}
