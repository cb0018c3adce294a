// Pictures and masks in other light and from another place, to see what a model makes of them.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/ops/jitter_image.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad {

/// Pixels (1, h, w, 3) on the host after a change, see ops/jitter_image.hpp.
template <class Context>
[[nodiscard]] tensor<std::uint8_t, 4>
changed_pixels(Context& ctx, const tensor<std::uint8_t, 4>& pixels, const jitter_draw& change) {
    constexpr image_statistics none = {{0, 0, 0}, {1, 1, 1}}; // pixels in [0, 1]
    auto memory = host_memory::beside(ctx);
    // On the context's device.
    const auto there = [&]<class V, int R>(const tensor<V, R>& from) {
        auto to = empty<V>(ctx, from.dims());
        copy(ctx, view<const V, R>(from), to.view());
        return to;
    };
    const auto draw = empty<jitter_draw>(memory, shape<1>{{1}});
    draw.data()[0] = change;
    const auto changed = on_host(
        ctx, jitter_image(ctx, normalise_image<float>(ctx, there(pixels), none), there(draw)));
    auto result = empty<std::uint8_t>(memory, pixels.dims());
    std::transform(changed.data(), changed.data() + changed.size(), result.data(),
                   [](float v) { return static_cast<std::uint8_t>(v * 255 + 0.5f); });
    return result;
}

/// A mask of size x size values, 0 or 1, moved and zoomed as its picture is, cut at a half.
template <class Context>
[[nodiscard]] std::vector<std::uint8_t>
changed_mask(Context& ctx, const std::vector<std::uint8_t>& mask, int size, jitter_draw change) {
    change.brightness = change.contrast = 1;
    auto memory = host_memory::beside(ctx);
    const auto picture = empty<std::uint8_t>(memory, shape<4>{{1, size, size, 3}});
    for (std::size_t i = 0; i < mask.size(); ++i)
        std::fill_n(picture.data() + 3 * i, 3, static_cast<std::uint8_t>(mask[i] ? 255 : 0));
    const auto moved = changed_pixels(ctx, picture, change);
    std::vector<std::uint8_t> result(mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i)
        result[i] = moved.data()[3 * i] >= 128;
    return result;
}

} // namespace pfad
