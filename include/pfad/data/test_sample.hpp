// Pictures at the size that the networks take, and test pictures with their masks.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/mvtec.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pfad::data {

/// A picture of any size and format at the size of the model: size x size x 3 bytes, RGB; grey is
/// repeated. Throws errc::value for what expect_pixels refuses.
inline void model_pixels_into(const picture_view& picture, int size, std::uint8_t* to) {
    resize_into(picture, {size, size}, to);
    if (picture.format != pixel_format::grey)
        return;
    // From the end, so that nothing is overwritten before it has been read.
    for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(size) * size; i-- > 0;) {
        const std::uint8_t value = to[i];
        std::fill_n(to + 3 * i, 3, value);
    }
}

/// The same as a batch of one, (1, size, size, 3).
template <class C>
[[nodiscard]] tensor<std::uint8_t, 4>
model_pixels(C& memory, const picture_view& picture, int size) {
    const auto pixels = empty<std::uint8_t>(memory, shape<4>{{1, size, size, 3}});
    model_pixels_into(picture, size, pixels.data());
    return pixels;
}

/// One test picture at the size of the model.
struct test_sample {
    tensor<std::uint8_t, 4> pixels; ///< (1, size, size, 3)
    std::vector<std::uint8_t> mask; ///< size size values: 1 where anomalous, else 0
    bool anomalous = false; ///< by the name of its folder, even where the small mask is empty
};

/// Loads a test picture and its mask, in which everything but 0 is a defect; all zeros where there is
/// none. Throws errc::io where one cannot be read, errc::value where the mask has another size than its
/// picture.
template <class C>
[[nodiscard]] test_sample load_test_sample(C& memory, const test_item& item, int size) {
    const image_u8 picture = read_picture(item.picture);
    test_sample result;
    result.anomalous = item.anomalous();
    result.pixels = model_pixels(memory, picture, size);
    result.mask.assign(static_cast<std::size_t>(size) * static_cast<std::size_t>(size), 0);
    if (!result.anomalous || item.mask.empty())
        return result;
    image_u8 mask = read_mask(item.mask);
    if (mask.width != picture.width || mask.height != picture.height)
        fail(errc::value, item.mask.string() + ": the mask has " + std::to_string(mask.width) +
                              "x" + std::to_string(mask.height) + " pixels, but its picture has " +
                              std::to_string(picture.width) + "x" + std::to_string(picture.height));
    for (auto& value : mask.pixels)
        value = value != 0 ? 255 : 0;
    const auto values = resize_mask(mask, {size, size});
    std::transform(values.begin(), values.end(), result.mask.begin(),
                   [](float v) { return static_cast<std::uint8_t>(v > 0.5f); });
    return result;
}

} // namespace pfad::data
