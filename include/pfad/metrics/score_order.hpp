// All pixels of a test set in descending order of score: the one sort that every pixel metric
// shares. A pixel is 64 bits, its score as an order-preserving integer above the number of its
// region (0: normal), so the sweep over the sorted pixels reads memory once, in order.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/metrics/connected_components.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace pfad::metrics {

/// How many pixels score at or above a threshold.
struct pixel_counts {
    std::int64_t anomalous = 0; ///< inside a region
    std::int64_t normal = 0;    ///< outside of every region
};

/// Maps floats to integers so that a < b <=> key(a) > key(b). Both zeros get one key, as they are
/// equal. Not for NaN.
[[nodiscard]] constexpr std::uint32_t descending_key(float score) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(score);
    if (bits == 0x80000000u)
        return 0x7fffffffu;
    return bits & 0x80000000u ? bits : bits ^ 0x7fffffffu;
}

/// The sorted pixels of a test set and its regions.
class score_order {
public:
    /// scores, masks: (n, h, w); a mask is zero where the picture is normal. Takes 16 bytes a
    /// pixel while it sorts, 8 after. Throws errc::shape where the extents differ, errc::value for
    /// a NaN score, naming the picture.
    score_order(in<float, 3> scores, in<std::uint8_t, 3> masks);

    /// Pixels of region i at [i]; the normal pixels at [0].
    [[nodiscard]] const std::vector<std::int64_t>& region_sizes() const { return sizes_; }
    /// Number of regions in all pictures.
    [[nodiscard]] std::int64_t regions() const {
        return static_cast<std::int64_t>(sizes_.size()) - 1;
    }
    /// All pixels.
    [[nodiscard]] pixel_counts total() const { return {count_ - sizes_[0], sizes_[0]}; }

    /// From the highest score down: m.pixel(region) for every pixel that scores exactly t, then
    /// m.threshold(counts) with what scores t or more, for each distinct t and each metric m.
    template <class... Metric>
    void sweep(Metric&... m) const {
        pixel_counts seen;
        for (std::int64_t i = 0; i < count_;) {
            const std::uint64_t score = pixels_[static_cast<std::size_t>(i)] >> 32;
            do {
                const std::uint32_t region =
                    static_cast<std::uint32_t>(pixels_[static_cast<std::size_t>(i)]);
                seen.normal += region == 0;
                (m.pixel(region), ...);
                ++i;
            } while (i < count_ && pixels_[static_cast<std::size_t>(i)] >> 32 == score);
            seen.anomalous = i - seen.normal;
            (m.threshold(seen), ...);
        }
    }

private:
    // Radix sort, least digit first: 32 bits in three digits. All three histograms are counted
    // while the keys are made.
    static constexpr int digits = 3;
    static constexpr int digit_bits = 11;
    using histogram = std::array<std::int64_t, std::size_t(1) << digit_bits>;

    [[nodiscard]] static std::size_t digit(std::uint64_t pixel, int which) {
        return (pixel >> (32 + which * digit_bits)) & ((std::size_t(1) << digit_bits) - 1);
    }

    void
    fill(in<float, 3> scores, in<std::uint8_t, 3> masks, std::array<histogram, digits>& counts);
    void sort(std::array<histogram, digits>& counts);

    std::int64_t count_ = 0;
    std::unique_ptr<std::uint64_t[]> pixels_;
    std::vector<std::int64_t> sizes_ = {0};
};

inline score_order::score_order(in<float, 3> scores, in<std::uint8_t, 3> masks)
    : count_(scores.size()) {
    expect(scores.dims == masks.dims, "metrics", "score maps and masks have one shape", scores.dims,
           masks.dims);
    pixels_ = std::make_unique_for_overwrite<std::uint64_t[]>(static_cast<std::size_t>(count_));
    const auto counts = std::make_unique<std::array<histogram, digits>>();
    fill(scores, masks, *counts);
    sort(*counts);
}

inline void score_order::fill(in<float, 3> scores,
                              in<std::uint8_t, 3> masks,
                              std::array<histogram, digits>& counts) {
    const shape<2> dims = {{scores.extent(1), scores.extent(2)}};
    std::vector<std::uint32_t> labels(static_cast<std::size_t>(dims.size()));
    component_labeller labeller;
    for (std::int64_t n = 0; n < scores.extent(0); ++n) {
        const float* const map = scores.data + n * dims.size();
        std::uint64_t* const to = pixels_.get() + n * dims.size();
        labeller.label({masks.data + n * dims.size(), dims}, {labels.data(), dims}, sizes_);
        bool comparable = true;
        for (std::int64_t i = 0; i < dims.size(); ++i) {
            const std::uint64_t pixel =
                std::uint64_t(descending_key(map[i])) << 32 | labels[static_cast<std::size_t>(i)];
            to[i] = pixel;
            comparable &= map[i] == map[i];
            for (int d = 0; d < digits; ++d)
                ++counts[static_cast<std::size_t>(d)][digit(pixel, d)];
        }
        if (!comparable)
            fail(errc::value, "metrics: the score map of picture " + std::to_string(n) +
                                  " holds a NaN, so its pixels have no order");
    }
    sizes_[0] = count_;
    for (std::size_t i = 1; i < sizes_.size(); ++i)
        sizes_[0] -= sizes_[i];
}

inline void score_order::sort(std::array<histogram, digits>& counts) {
    auto other = std::make_unique_for_overwrite<std::uint64_t[]>(static_cast<std::size_t>(count_));
    for (int d = 0; d < digits; ++d) {
        histogram& next = counts[static_cast<std::size_t>(d)];
        std::int64_t start = 0;
        bool already_sorted = false; // every pixel has this digit in common
        for (std::int64_t& bucket : next) {
            already_sorted |= bucket == count_;
            start += std::exchange(bucket, start);
        }
        if (already_sorted)
            continue;
        for (std::int64_t i = 0; i < count_; ++i) {
            const std::uint64_t pixel = pixels_[static_cast<std::size_t>(i)];
            other[static_cast<std::size_t>(next[digit(pixel, d)]++)] = pixel;
        }
        pixels_.swap(other);
    }
}

} // namespace pfad::metrics
