#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/evaluate/test_sample.hpp>
#include <pfad/nn/named_arrays.hpp>
#include <pfad/onednn.hpp>
#include <pfad/train/teacher.hpp>

#include <cmath>

using namespace pfad;

TEST_CASE("teacher: a random one repeats, and its features neither vanish nor explode", "[train]") {
    const picture_folder folder;
    const std::vector<std::filesystem::path> pictures = {
        folder.picture("a.png", some_picture(40, 40, 3)),
        folder.picture("b.png", some_picture(33, 50, 3, 1))};
    onednn::context ctx(2);
    resnet18<float> first(ctx, 3), second(ctx, 3);
    train::make_random_teacher(ctx, first, 32, 5, pictures);
    train::make_random_teacher(ctx, second, 32, 5, pictures);
    const auto a = named_arrays<float>(first), b = named_arrays<float>(second);
    for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(std::equal(a[i].values.data, a[i].values.data + a[i].size(), b[i].values.data));

    tape t(ctx, mode::eval);
    const auto input = normalise_image<float>(
        ctx, detect::model_pixels(ctx, read_picture(pictures[1].string()), 32));
    for (const auto& level : first(t, constant(input))) {
        double square = 0;
        for (std::int64_t i = 0; i < level.value.size(); ++i)
            square += std::pow(static_cast<double>(level.value.data()[i]), 2);
        const double size = std::sqrt(square / static_cast<double>(level.value.size()));
        CHECK(size > 0.2);
        CHECK(size < 20);
    }
    CHECK_THROWS_AS(train::make_random_teacher(ctx, first, 32, 5, {}), error);
}
