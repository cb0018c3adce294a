// Antialiased bilinear resizing of 8-bit pictures, equal to Pillow's to the last bit: a triangle
// filter, widened by the factor of reduction; along rows first, then along columns; weights in
// fixed point with 22 bits after the point; each pass rounds to 8 bits. And the same filter without
// rounding, for masks.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfad::data {

/// Bytes of a dense picture.
[[nodiscard]] constexpr std::size_t byte_count(const picture_extent& size, int channels) {
    return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) *
           static_cast<std::size_t>(channels);
}

/// For each of `out` samples, which of `in` samples it is made of: `count` weights from `first` on,
/// which sum to 1. The weights of sample i start at i * width.
struct triangle_filter {
    /// What one sample is made of.
    struct taps {
        int first; ///< of the samples that come in
        int count; ///< of them from there on
    };
    int width = 0;               ///< weights a sample, the unused ones included
    std::vector<taps> samples;   ///< of each sample
    std::vector<double> weights; ///< width of them a sample

    /// From `in` to `out` samples, both positive.
    triangle_filter(int in, int out) {
        const double scale = static_cast<double>(in) / out;
        const double widened = std::max(scale, 1.0);
        width = static_cast<int>(std::ceil(widened)) * 2 + 1;
        samples.reserve(static_cast<std::size_t>(out));
        weights.assign(static_cast<std::size_t>(out) * static_cast<std::size_t>(width), 0.0);
        for (int i = 0; i < out; ++i) {
            const double centre = (i + 0.5) * scale;
            const int first = std::max(static_cast<int>(centre - widened + 0.5), 0);
            const int last = static_cast<int>(std::min(centre + widened + 0.5, double(in)));
            double* const w = weights.data() + static_cast<std::ptrdiff_t>(i) * width;
            double sum = 0;
            for (int tap = first; tap < last; ++tap) {
                const double distance = std::abs((tap - centre + 0.5) * (1.0 / widened));
                w[tap - first] = std::max(1.0 - distance, 0.0);
                sum += w[tap - first];
            }
            for (int tap = 0; tap < last - first; ++tap)
                w[tap] /= sum;
            samples.push_back({first, last - first});
        }
    }

    /// Weight `tap` of a sample.
    [[nodiscard]] double weight(std::size_t sample, int tap) const {
        return weights[sample * static_cast<std::size_t>(width) + static_cast<std::size_t>(tap)];
    }

    /// The weights times 2^22, rounded.
    [[nodiscard]] std::vector<std::int32_t> fixed_point() const {
        std::vector<std::int32_t> result(weights.size());
        for (std::size_t i = 0; i < weights.size(); ++i)
            result[i] = static_cast<std::int32_t>(weights[i] * (1 << 22) + 0.5);
        return result;
    }
};

/// A sum with 22 bits after the point, to a byte.
inline std::uint8_t from_fixed_point(std::int32_t sum) {
    return static_cast<std::uint8_t>(std::min(sum >> 22, 255));
}

/// One row of pixels of C channels, filtered along the row.
template <int C>
void resample_row(const triangle_filter& filter,
                  const std::vector<std::int32_t>& weights,
                  const std::uint8_t* from,
                  std::uint8_t* to) {
    for (std::size_t i = 0; i < filter.samples.size(); ++i) {
        const auto [first, count] = filter.samples[i];
        const std::int32_t* const w = weights.data() + i * static_cast<std::size_t>(filter.width);
        const std::uint8_t* const pixel = from + static_cast<std::ptrdiff_t>(first) * C;
        std::int32_t sum[C];
        std::fill_n(sum, C, 1 << 21);
        for (int tap = 0; tap < count; ++tap)
            for (int k = 0; k < C; ++k)
                sum[k] += w[tap] * pixel[tap * C + k];
        for (int k = 0; k < C; ++k)
            to[i * C + static_cast<std::size_t>(k)] = from_fixed_point(sum[k]);
    }
}

/// Throws errc::value unless `from` can be read and `to` is positive.
inline void expect_picture(const picture_view& from, const picture_extent& to) {
    expect_pixels(from, "resize");
    expect(to.width > 0 && to.height > 0, "resize", "the size asked for is positive");
}

/// Resizes into `to`: size.height rows of size.width pixels, dense; one byte each of a grey picture,
/// else RGB, see plain_row. The aspect ratio is not kept. Throws errc::value for what
/// expect_pixels refuses.
inline void resize_into(const picture_view& from, const picture_extent& size, std::uint8_t* to) {
    expect_picture(from, size);
    const triangle_filter across(from.width, size.width);
    const triangle_filter down(from.height, size.height);
    const auto across_weights = across.fixed_point();
    const auto down_weights = down.fixed_point();
    const int channels = from.channels() == 1 ? 1 : 3;
    const std::size_t row = byte_count({size.width, 1}, channels);
    std::vector<std::uint8_t> converted;
    std::vector<std::uint8_t> narrow(row * static_cast<std::size_t>(from.height));
    for (int y = 0; y < from.height; ++y) {
        const std::uint8_t* const source = plain_row(from, y, converted);
        std::uint8_t* const target = narrow.data() + static_cast<std::size_t>(y) * row;
        if (channels == 3)
            resample_row<3>(across, across_weights, source, target);
        else
            resample_row<1>(across, across_weights, source, target);
    }
    std::vector<std::int32_t> sums(row);
    for (int y = 0; y < size.height; ++y) {
        const auto [first, count] = down.samples[static_cast<std::size_t>(y)];
        std::fill(sums.begin(), sums.end(), 1 << 21);
        for (int tap = 0; tap < count; ++tap) {
            const std::int32_t w =
                down_weights[static_cast<std::size_t>(y) * static_cast<std::size_t>(down.width) +
                             static_cast<std::size_t>(tap)];
            const std::uint8_t* const source =
                narrow.data() + static_cast<std::size_t>(first + tap) * row;
            for (std::size_t i = 0; i < row; ++i)
                sums[i] += w * source[i];
        }
        for (std::size_t i = 0; i < row; ++i)
            to[static_cast<std::size_t>(y) * row + i] = from_fixed_point(sums[i]);
    }
}

/// The picture at another size, grey or RGB.
[[nodiscard]] inline image_u8 resize(const picture_view& from, const picture_extent& size) {
    expect_picture(from, size);
    image_u8 result{size.width, size.height, from.channels() == 1 ? 1 : 3, {}};
    result.pixels.resize(byte_count(size, result.channels));
    resize_into(from, size, result.pixels.data());
    return result;
}

/// A test mask (1 channel, 0 .. 255) at another size: filtered without rounding, then 1 where at
/// least half is anomalous, else 0. Row-major, size.height x size.width.
[[nodiscard]] inline std::vector<std::uint8_t> resize_mask(const picture_view& from,
                                                           const picture_extent& size) {
    expect_picture(from, size);
    expect(from.plain() && from.channels() == 1, "resize_mask", "a mask has one channel of 8 bits");
    const triangle_filter across(from.width, size.width);
    const triangle_filter down(from.height, size.height);
    std::vector<std::uint8_t> result;
    for (std::size_t y = 0; y < down.samples.size(); ++y)
        for (std::size_t x = 0; x < across.samples.size(); ++x) {
            const auto [top, rows] = down.samples[y];
            const auto [left, columns] = across.samples[x];
            double sum = 0;
            for (int i = 0; i < rows; ++i) {
                const std::uint8_t* const row = from.row(top + i) + left;
                double of_row = 0;
                for (int j = 0; j < columns; ++j)
                    of_row += across.weight(x, j) * row[j];
                sum += down.weight(y, i) * of_row;
            }
            // Rounded to float first, so that a half made of thirds counts as a half.
            result.push_back(static_cast<float>(sum / 255) >= 0.5f ? 1 : 0);
        }
    return result;
}

} // namespace pfad::data
