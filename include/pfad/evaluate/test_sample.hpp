// Test pictures with their masks at the size of the model.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/masks.hpp>
#include <pfad/data/mvtec.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/detect/model_pixels.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pfad {

/// One test picture at the size of the model.
struct test_sample {
    tensor<std::uint8_t, 4> pixels; ///< (1, size, size, 3)
    std::vector<std::uint8_t> mask; ///< size size values: 1 where anomalous, else 0
    bool anomalous = false; ///< by the name of its folder, even where the small mask is empty
};

/// Loads a test picture and its mask, see read_mask(); all zeros where there is none. Throws errc::io where
/// one cannot be read, errc::value where the mask has another size than its picture or shows no defect.
template <class C>
[[nodiscard]] test_sample load_test_sample(C& memory,
                                           const data::test_item& item,
                                           int size,
                                           const picture_options& reading = {}) {
    const image_u8 picture = read_picture(item.picture, reading);
    test_sample result;
    result.anomalous = item.anomalous();
    result.pixels = detect::model_pixels(memory, picture, size);
    result.mask.assign(static_cast<std::size_t>(size) * static_cast<std::size_t>(size), 0);
    if (!result.anomalous || item.mask.empty())
        return result;
    const image_u8 mask = data::read_masks(item.mask, reading);
    if (mask.width != picture.width || mask.height != picture.height)
        fail(errc::value, item.mask.string() + ": the mask has " + std::to_string(mask.width) +
                              "x" + std::to_string(mask.height) + " pixels, but its picture has " +
                              std::to_string(picture.width) + "x" + std::to_string(picture.height));
    if (std::ranges::find(mask.pixels, 255) == mask.pixels.end())
        fail(errc::value, item.mask.string() + ": shows no defect, but its picture is of `" +
                              item.kind +
                              "`; a mask is black, or of label 0, where there is no defect");
    result.mask = data::resize_mask(mask, {size, size});
    return result;
}

} // namespace pfad
