// The samples of a picture file, and what becomes of them: RGB in 8 bits, or a mask.
#pragma once

#include <pfad/io/picture_file.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace pfad::detail {

/// The samples of a picture file as they are stored, rows from the top.
struct raster {
    int width = 0, height = 0;
    int channels = 0; ///< 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    std::vector<std::uint8_t>
        samples;                     ///< of 8 bits; fewer are spread over 0 to 255, indices are not
    std::vector<std::uint16_t> wide; ///< of 16 bits; `samples` is empty then
    std::vector<std::array<std::uint8_t, 3>> palette; ///< RGB, where samples are indices into it
    std::vector<std::uint8_t> opacity; ///< of the palette's first colours; those behind are opaque

    [[nodiscard]] std::size_t pixels() const {
        return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    }
    [[nodiscard]] bool has_alpha() const { return channels == 2 || channels == 4; }
    /// Samples of a pixel that are colours.
    [[nodiscard]] std::size_t colours() const {
        return static_cast<std::size_t>(has_alpha() ? channels - 1 : channels);
    }
};

/// Throws where the highest index is not in the palette.
inline void expect_in_palette(const raster& r, unsigned highest, const std::string& path) {
    if (!r.palette.empty() && highest >= r.palette.size())
        fail(errc::io, path + ": is damaged: it uses colour " + std::to_string(highest) +
                           " of a palette of " + std::to_string(r.palette.size()));
}

/// 16 bits a sample as 8: the upper 8 of those that count.
[[nodiscard]] inline std::vector<std::uint8_t>
narrow(const raster& r, int bits, const std::string& path) {
    const auto& wide = r.wide;
    unsigned highest = 0;  // of the colours
    std::size_t above = 0; // those that --bits has no room for
    const unsigned most = bits == 0 ? 0xffffu : (1u << bits) - 1;
    const auto look = [&](unsigned value) {
        highest = std::max(highest, value);
        above += value > most;
    };
    if (!r.has_alpha())
        std::for_each(wide.begin(), wide.end(), look);
    else
        for (std::size_t i = 0; i < wide.size(); ++i)
            if ((i + 1) % static_cast<std::size_t>(r.channels) != 0)
                look(wide[i]);
    const int used = static_cast<int>(std::bit_width(highest));
    if (2 * above > r.pixels() * r.colours())
        fail(errc::io, path + ": most of its samples are larger than --bits " +
                           std::to_string(bits) + " has room for, up to " +
                           std::to_string(highest));
    if (bits == 0) {
        if (used > 0 && used <= 14)
            fail(errc::io,
                 path + ": uses only the lowest " + std::to_string(used) +
                     " of its 16 bits a sample, so it would be almost black; say how many "
                     "count, such as --bits " +
                     std::to_string(used <= 10   ? 10
                                    : used <= 12 ? 12
                                                 : 14) +
                     ", or --bits 16 for all");
        bits = 16;
    }
    std::vector<std::uint8_t> result(wide.size());
    std::transform(wide.begin(), wide.end(), result.begin(),
                   [shift = bits - 8](std::uint16_t value) {
                       return static_cast<std::uint8_t>(std::min(value >> shift, 255));
                   });
    return result;
}

/// RGB: grey is repeated, alpha dropped, 16 bits reduced to 8, palettes looked up.
[[nodiscard]] inline std::vector<std::uint8_t>
to_rgb(raster&& r, int bits, const std::string& path) {
    if (!r.wide.empty())
        r.samples = narrow(r, bits, path);
    if (r.channels == 3)
        return std::move(r.samples);
    std::vector<std::uint8_t> rgb(3 * r.pixels());
    const std::uint8_t* from = r.samples.data();
    std::uint8_t* to = rgb.data();
    const std::uint8_t* const end = to + rgb.size();
    if (!r.palette.empty()) {
        std::array<std::array<std::uint8_t, 4>, 256> colours{};
        for (std::size_t i = 0; i < r.palette.size(); ++i)
            std::copy_n(r.palette[i].data(), 3, colours[i].data());
        unsigned highest = 0;
        // Four bytes are one store; the next pixel overwrites the last of them.
        for (; end - to > 3; to += 3, ++from) {
            highest = std::max<unsigned>(highest, *from);
            std::memcpy(to, colours[*from].data(), 4);
        }
        std::copy_n(colours[*from].data(), 3, to);
        expect_in_palette(r, std::max<unsigned>(highest, *from), path);
    } else if (r.channels == 4) {
        for (; to != end; to += 3, from += 4)
            std::copy_n(from, 3, to);
    } else {
        for (; to != end; to += 3, from += r.channels)
            std::fill_n(to, 3, *from);
    }
    return rgb;
}

/// Whether the index 0 of a palette is not the background: it has a colour, and black is used, too.
[[nodiscard]] inline bool background_is_black(const raster& r) {
    const std::array<std::uint8_t, 3> black{};
    return !r.palette.empty() && r.palette[0] != black &&
           std::ranges::any_of(r.samples, [&](std::uint8_t i) { return r.palette[i] == black; });
}

/// RGBA of a palette with colours that are transparent and used; anything else as it is.
[[nodiscard]] inline raster without_clear_palette(const raster& r) {
    const auto opacity = [&](std::size_t index) {
        return index < r.opacity.size() ? r.opacity[index] : std::uint8_t(255);
    };
    if (std::ranges::none_of(r.samples, [&](std::uint8_t i) { return opacity(i) == 0; }))
        return r;
    raster result{r.width, r.height, 4, {}, {}, {}, {}};
    result.samples.reserve(4 * r.samples.size());
    for (const std::uint8_t index : r.samples) {
        const auto& colour = r.palette[index];
        result.samples.insert(result.samples.end(), colour.begin(), colour.end());
        result.samples.push_back(opacity(index));
    }
    return result;
}

/// One value a pixel, 255 where the mask has a defect, else 0. A defect has a colour other than black
/// (of a palette: an index other than 0, or another colour where black is used but is not index 0) and
/// is not transparent. Where all pixels have the same colour, transparency alone decides. `lossy`: from
/// half of the range on.
[[nodiscard]] inline std::vector<std::uint8_t>
to_mask(const raster& stored, bool lossy, const std::string& path) {
    if (!stored.palette.empty())
        expect_in_palette(stored, *std::max_element(stored.samples.begin(), stored.samples.end()),
                          path);
    const raster r = stored.opacity.empty() ? stored : without_clear_palette(stored);
    std::vector<std::uint8_t> mask(r.pixels());
    const std::size_t colours = r.colours();
    const auto paint = [&](const auto& samples) {
        const auto* const first = samples.data();
        const auto step = static_cast<std::size_t>(r.channels);
        bool one_colour = r.has_alpha(), see_through = false;
        if (r.has_alpha())
            for (std::size_t i = 0; i < mask.size(); ++i) {
                one_colour &= std::equal(first, first + colours, first + i * step);
                see_through |= first[i * step + colours] == 0;
            }
        const bool alpha_alone = one_colour && see_through;
        for (std::size_t i = 0; i < mask.size(); ++i) {
            const auto* const pixel = first + i * step;
            const bool seen = !r.has_alpha() || pixel[colours] != 0;
            const bool coloured = std::any_of(
                pixel, pixel + colours, [&](auto value) { return value >= (lossy ? 128 : 1); });
            mask[i] = seen && (alpha_alone || coloured) ? 255 : 0;
        }
    };
    if (background_is_black(r))
        std::transform(r.samples.begin(), r.samples.end(), mask.begin(), [&](std::uint8_t index) {
            return r.palette[index] == std::array<std::uint8_t, 3>{} ? 0 : 255;
        });
    else if (r.wide.empty())
        paint(r.samples);
    else
        paint(r.wide);
    return mask;
}

/// Turns and mirrors pixels as EXIF's orientation says, so that they are upright; width and height
/// change places for 5 to 8.
[[nodiscard]] inline std::vector<std::uint8_t> upright(
    std::vector<std::uint8_t>&& pixels, int& width, int& height, int channels, int orientation) {
    if (orientation == 1)
        return std::move(pixels);
    const bool swapped = orientation >= 5;
    const bool from_right =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const std::ptrdiff_t pixel = channels, row = pixel * width;
    const std::uint8_t* const corner =
        pixels.data() + (from_right ? row - pixel : 0) + (from_below ? row * (height - 1) : 0);
    std::ptrdiff_t right = from_right ? -pixel : pixel, down = from_below ? -row : row;
    if (swapped) {
        std::swap(right, down);
        std::swap(width, height);
    }
    std::vector<std::uint8_t> result(pixels.size());
    std::uint8_t* to = result.data();
    for (int y = 0; y < height; ++y) {
        const std::uint8_t* from = corner + y * down;
        for (int x = 0; x < width; ++x, from += right, to += channels)
            std::copy_n(from, channels, to);
    }
    return result;
}

} // namespace pfad::detail
