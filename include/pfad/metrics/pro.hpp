// Area under the per-region-overlap curve (Bergmann et al., "The MVTec anomaly detection dataset",
// IJCV 2021): the mean over regions of the found share of each, so that a small defect counts as
// much as a large one, against the share of normal pixels that are flagged.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/metrics/score_order.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pfad::metrics {

/// The area over a sweep from the highest score down, for false positive rates in [0, limit], over
/// limit. Trapezoids from (0, 0), the last one cut at the limit by interpolation.
class region_overlap_area {
public:
    /// Throws errc::value unless 0 < limit <= 1.
    explicit region_overlap_area(const score_order& order, double limit = 0.3)
        : limit_(limit), normal_(order.total().normal) {
        expect(limit > 0 && limit <= 1, "AUPRO", "the limit is above 0 and at most 1");
        weight_.push_back(0);
        for (std::size_t i = 1; i < order.region_sizes().size(); ++i)
            weight_.push_back(1 / static_cast<double>(order.region_sizes()[i]) /
                              static_cast<double>(order.regions()));
    }

    void pixel(std::uint32_t region) { overlap_ += weight_[region]; }
    void threshold(pixel_counts seen) {
        if (last_rate_ >= limit_ || normal_ == 0)
            return;
        const double rate = static_cast<double>(seen.normal) / static_cast<double>(normal_);
        if (rate > limit_) {
            const double share = (limit_ - last_rate_) / (rate - last_rate_);
            const double at_limit = last_overlap_ + share * (overlap_ - last_overlap_);
            area_ += (limit_ - last_rate_) * (at_limit + last_overlap_) / 2;
            last_rate_ = limit_;
            return;
        }
        area_ += (rate - last_rate_) * (overlap_ + last_overlap_) / 2;
        last_rate_ = rate;
        last_overlap_ = overlap_;
    }
    /// In [0, 1]; none without a region and a normal pixel.
    [[nodiscard]] std::optional<double> value() const {
        if (weight_.size() == 1 || normal_ == 0)
            return std::nullopt;
        return area_ / limit_;
    }

private:
    double limit_;
    std::int64_t normal_;
    std::vector<double> weight_; // of a pixel of each region
    double overlap_ = 0;
    double last_overlap_ = 0;
    double last_rate_ = 0;
    double area_ = 0;
};

} // namespace pfad::metrics
