#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/evaluate/test_sample.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

using namespace pfad;
using data::resize;

TEST_CASE("test_sample: a good picture has an empty mask and its own size", "[evaluate]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(20, 12, 3));
    const auto sample = load_test_sample(ctx, {file, "good", {}}, 8);
    CHECK_FALSE(sample.anomalous);
    CHECK(sample.pixels.dims() == shape<4>{1, 8, 8, 3});
    CHECK(sample.mask == std::vector<std::uint8_t>(64, 0));
    const auto small = resize(some_picture(20, 12, 3), {8, 8});
    for (std::size_t i = 0; i < 192; ++i)
        CHECK(sample.pixels.data()[i] == small.pixels[i]);
}

TEST_CASE("test_sample: a grey picture becomes three equal channels", "[evaluate]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto grey = folder.picture("a.png", some_picture(8, 8, 1));
    const auto sample = load_test_sample(ctx, {grey, "good", {}}, 8);
    for (std::size_t i = 0; i < 64; ++i) {
        for (std::size_t k = 0; k < 3; ++k)
            CHECK(sample.pixels.data()[3 * i + k] == some_picture(8, 8, 1).pixels[i]);
    }
}

TEST_CASE("test_sample: the mask is resized, the label comes from the folder", "[evaluate]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(16, 16, 3));
    image_u8 mask = some_picture(16, 16, 1);
    for (std::size_t i = 0; i < 256; ++i)
        mask.pixels[i] = i % 16 < 8 ? 0 : 255;
    auto sample = load_test_sample(ctx, {file, "bent", folder.picture("m.png", mask)}, 8);
    CHECK(sample.anomalous);
    for (std::size_t i = 0; i < 64; ++i)
        CHECK(sample.mask[i] == (i % 8 < 4 ? 0 : 1));
    mask.pixels.assign(256, 0);
    mask.pixels[0] = 255;
    sample = load_test_sample(ctx, {file, "bent", folder.picture("m.png", mask)}, 4);
    CHECK(sample.anomalous);
    CHECK(sample.mask[0] == 0);
    mask.pixels[0] = 0;
    const auto empty = folder.picture("m.png", mask);
    CHECK(contains(sentence_of(errc::value,
                               [&] {
                                   (void)load_test_sample(ctx, {file, "bent", empty}, 8);
                               }),
                   "m.png: shows no defect, but its picture is of `bent`"));
}

TEST_CASE("test_sample: a mask of another size is an error naming both sizes", "[evaluate]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.picture("a.png", some_picture(16, 10, 3));
    const auto mask = folder.picture("a_mask.png", some_picture(10, 16, 1));
    const auto said = sentence_of([&] { (void)load_test_sample(ctx, {file, "bent", mask}, 8); });
    CHECK(contains(said, mask.string()));
    CHECK(contains(said, "10x16"));
    CHECK(contains(said, "16x10"));
}

TEST_CASE("test_sample: a text file named .png is an error naming it", "[evaluate]") {
    cpu::context ctx(1);
    const picture_folder folder;
    const auto file = folder.text("a.png");
    CHECK(contains(sentence_of([&] {
                       (void)load_test_sample(ctx, {file, "good", {}}, 8);
                   }),
                   file.string()));
}
