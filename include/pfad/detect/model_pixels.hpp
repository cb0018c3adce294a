// Pictures at the size that the networks take.
#pragma once

#include <pfad/core/tensor.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/picture_view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pfad::detect {

/// A picture of any size and format at the size of the model: size x size x 3 bytes, RGB; grey is
/// repeated. Throws errc::value for what expect_pixels refuses.
inline void model_pixels_into(const picture_view& picture, int size, std::uint8_t* to) {
    data::resize_into(picture, {size, size}, to);
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

} // namespace pfad::detect
