// Instance average precision, IAP, and precision at a given instance recall, IAP@k (Zhang et al.,
// "DeSTSeg", CVPR 2023, section 4.2): recall counts instances, precision counts pixels.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/metrics/score_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pfad::metrics {

/// An instance (a region) is found at threshold t once more than half of its pixels score t or
/// more; its own score is the highest such t. The precision at an instance's score is the share of
/// anomalous pixels among those that score as much or more, raised to the best precision of any
/// instance that scores less.
class instance_precision {
public:
    /// For the regions of this order.
    explicit instance_precision(const score_order& order) {
        for (const std::int64_t size : order.region_sizes())
            missing_.push_back(size / 2 + 1);
        missing_[0] = 0; // normal pixels count down below zero and never meet it again
    }

    void pixel(std::uint32_t region) { found_now_ += --missing_[region] == 0; }
    void threshold(pixel_counts seen) {
        if (found_now_ == 0)
            return;
        precision_.insert(precision_.end(), static_cast<std::size_t>(found_now_),
                          static_cast<double>(seen.anomalous) /
                              static_cast<double>(seen.anomalous + seen.normal));
        found_now_ = 0;
    }

    /// The mean of the precisions, in (0, 1]; none without an instance.
    [[nodiscard]] std::optional<double> value() const {
        if (precision_.empty())
            return std::nullopt;
        double sum = 0, best = 0;
        for (std::size_t i = precision_.size(); i-- > 0;)
            sum += best = std::max(best, precision_[i]);
        return sum / static_cast<double>(precision_.size());
    }
    /// The precision at the smallest recall of at least `recall`, in [0, 1]; none without an
    /// instance. Throws errc::value for a recall outside [0, 1].
    [[nodiscard]] std::optional<double> at_recall(double recall) const {
        expect(recall >= 0 && recall <= 1, "IAP@k", "the recall is between 0 and 1");
        if (precision_.empty())
            return std::nullopt;
        // The instance at [i], highest score first, is found with a recall of (i + 1) / count;
        // written as the definition has it, so that a recall of exactly k rounds alike.
        const double count = static_cast<double>(precision_.size());
        std::size_t first = 0;
        while (first + 1 < precision_.size() &&
               1 - static_cast<double>(precision_.size() - 1 - first) / count < recall)
            ++first;
        return *std::max_element(precision_.begin() + static_cast<std::ptrdiff_t>(first),
                                 precision_.end());
    }

private:
    std::vector<std::int64_t> missing_; // pixels until the region is found
    std::int64_t found_now_ = 0;
    std::vector<double> precision_; // of each instance, highest score first
};

} // namespace pfad::metrics
