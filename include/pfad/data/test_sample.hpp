// Pictures as the networks take them, and test pictures with their masks.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/mvtec.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/image.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace pfad::data {

/// An RGB picture of any size as one model input: resized to size x size, ImageNet statistics
/// removed, (1, size, size, 3).
template <class C>
[[nodiscard]] tensor<float, 4> model_input(C& ctx, const picture_view& picture, int size) {
    expect(picture.channels == 3, "model_input", "the picture has three channels");
    std::int64_t const extent = size;
    const auto pixels =
        empty<std::uint8_t>(ctx, shape{std::int64_t(1), extent, extent, std::int64_t(3)});
    resize_into(picture, {size, size}, pixels.data());
    return normalise_image<float>(ctx, pixels);
}

/// One test picture at the size of the model.
struct test_sample {
    tensor<float, 4> image; ///< (1, size, size, 3), ImageNet statistics removed
    tensor<float, 4> mask;  ///< (1, size, size, 1): 1 where anomalous, else 0
    bool anomalous = false; ///< by the name of its folder, even where the small mask is empty
};

/// Loads a test picture and its mask. Throws errc::io where one cannot be read, errc::value where
/// the mask has another size than its picture.
template <class C>
[[nodiscard]] test_sample load_test_sample(C& ctx, const test_item& item, int size) {
    const image_u8 picture = read_picture(item.picture);
    test_sample result;
    result.anomalous = item.anomalous();
    result.image = model_input(ctx, picture, size);
    std::int64_t const extent = size;
    result.mask = full<float>(ctx, shape{std::int64_t(1), extent, extent, std::int64_t(1)}, 0.0f);
    if (!result.anomalous)
        return result;
    const image_u8 mask = read_mask(item.mask);
    if (mask.width != picture.width || mask.height != picture.height)
        fail(errc::value, item.mask.string() + ": the mask has " + std::to_string(mask.width) +
                              "x" + std::to_string(mask.height) + " pixels, but its picture has " +
                              std::to_string(picture.width) + "x" + std::to_string(picture.height));
    const auto values = resize_mask(mask, {size, size});
    std::copy(values.begin(), values.end(), result.mask.data());
    return result;
}

} // namespace pfad::data
