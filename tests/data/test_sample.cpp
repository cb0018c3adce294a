#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/data/test_sample.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

using namespace pfad;
using namespace pfad::data;

TEST_CASE("test_sample: a good picture has an empty mask and its own size [data]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(20, 12, 3));
    const auto sample = load_test_sample(ctx, {file, "good", {}}, 8);
    CHECK_FALSE(sample.anomalous);
    CHECK(sample.image.dims() == shape<4>{1, 8, 8, 3});
    CHECK(sample.mask.dims() == shape<4>{1, 8, 8, 1});
    CHECK(std::accumulate(sample.mask.data(), sample.mask.data() + 64, 0.0f) == 0.0f);
    const auto small = resize(some_picture(20, 12, 3), {8, 8});
    for (std::size_t i = 0; i < 192; ++i)
        CHECK(sample.image.data()[i] ==
              (static_cast<float>(small.pixels[i]) / 255.0f - imagenet_statistics.mean[i % 3]) /
                  imagenet_statistics.deviation[i % 3]);
}

TEST_CASE("test_sample: a grey picture becomes three equal channels [data]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto grey = folder.picture("a.png", some_picture(8, 8, 1));
    const auto sample = load_test_sample(ctx, {grey, "good", {}}, 8);
    for (std::size_t i = 0; i < 64; ++i) {
        const double level = some_picture(8, 8, 1).pixels[i] / 255.0;
        CHECK(std::abs(sample.image.data()[3 * i] - (level - 0.485) / 0.229) < 1e-5);
        CHECK(std::abs(sample.image.data()[3 * i + 2] - (level - 0.406) / 0.225) < 1e-5);
    }
}

TEST_CASE("test_sample: the mask is resized, the label comes from the folder [data]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(16, 16, 3));
    image_u8 mask = some_picture(16, 16, 1);
    for (std::size_t i = 0; i < 256; ++i)
        mask.pixels[i] = i % 16 < 8 ? 0 : 255;
    auto sample = load_test_sample(ctx, {file, "bent", folder.picture("m.png", mask)}, 8);
    CHECK(sample.anomalous);
    for (std::size_t i = 0; i < 64; ++i)
        CHECK(sample.mask.data()[i] == (i % 8 < 4 ? 0.0f : 1.0f));
    mask.pixels.assign(256, 0);
    mask.pixels[0] = 255;
    sample = load_test_sample(ctx, {file, "bent", folder.picture("m.png", mask)}, 4);
    CHECK(sample.anomalous);
    CHECK(sample.mask.data()[0] == 0.0f);
}

TEST_CASE("test_sample: a mask of another size is an error naming both sizes [data]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(16, 10, 3));
    const auto mask = folder.picture("a_mask.png", some_picture(10, 16, 1));
    const auto said = sentence_of([&] { (void)load_test_sample(ctx, {file, "bent", mask}, 8); });
    CHECK(contains(said, mask.string()));
    CHECK(contains(said, "10x16"));
    CHECK(contains(said, "16x10"));
}

TEST_CASE("test_sample: a text file named .png is an error naming it [data]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.text("a.png");
    CHECK(contains(sentence_of([&] {
                       (void)load_test_sample(ctx, {file, "good", {}}, 8);
                   }),
                   file.string()));
}
