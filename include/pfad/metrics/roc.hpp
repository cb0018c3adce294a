// Area under the receiver operating characteristic: the probability that an anomalous thing scores
// above a normal one, tied scores counting one half (Mann and Whitney 1947).
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/metrics/score_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

namespace pfad::metrics {

/// The area over a sweep from the highest score down, in integers and so exact.
class roc_area {
public:
    void pixel(std::uint32_t) {}
    void threshold(pixel_counts seen) {
        // A trapezoid: what is tied with the new normal pixels counts one half.
        twice_area_ += static_cast<std::uint64_t>(seen.normal - last_.normal) *
                       static_cast<std::uint64_t>(seen.anomalous + last_.anomalous);
        last_ = seen;
    }
    /// In [0, 1]; none without an anomalous and a normal pixel.
    [[nodiscard]] std::optional<double> value() const {
        if (last_.anomalous == 0 || last_.normal == 0)
            return std::nullopt;
        return static_cast<double>(twice_area_) / 2 / static_cast<double>(last_.anomalous) /
               static_cast<double>(last_.normal);
    }

private:
    std::uint64_t twice_area_ = 0;
    pixel_counts last_;
};

/// The area for a few scores, such as one a picture; a label is non-zero where anomalous. None
/// where one of the two kinds is missing. Throws errc::value for a NaN or for spans of two lengths.
[[nodiscard]] inline std::optional<double> auroc(std::span<const double> scores,
                                                 std::span<const std::uint8_t> labels) {
    expect(scores.size() == labels.size(), "auroc", "there is one label for each score");
    for (std::size_t i = 0; i < scores.size(); ++i)
        if (scores[i] != scores[i])
            fail(errc::value, "auroc: score " + std::to_string(i) + " is NaN");
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    roc_area area;
    pixel_counts seen;
    for (std::size_t i = 0; i < order.size(); ++i) {
        ++(labels[order[i]] ? seen.anomalous : seen.normal);
        if (i + 1 == order.size() || scores[order[i + 1]] != scores[order[i]])
            area.threshold(seen);
    }
    return area.value();
}

} // namespace pfad::metrics
