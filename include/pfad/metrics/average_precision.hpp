// Average precision of the pixels: sum over distinct thresholds of (R_k - R_{k-1}) P_k, recall R
// and precision P of "score >= threshold", highest threshold first; steps, no interpolation.
#pragma once

#include <pfad/metrics/score_order.hpp>

#include <cstdint>
#include <optional>

namespace pfad::metrics {

/// The sum over a sweep from the highest score down.
class average_precision {
public:
    void pixel(std::uint32_t) {}
    void threshold(pixel_counts seen) {
        if (seen.anomalous == found_)
            return;
        sum_ += static_cast<double>(seen.anomalous - found_) *
                (static_cast<double>(seen.anomalous) /
                 static_cast<double>(seen.anomalous + seen.normal));
        found_ = seen.anomalous;
    }
    /// In (0, 1]; none without an anomalous pixel.
    [[nodiscard]] std::optional<double> value() const {
        if (found_ == 0)
            return std::nullopt;
        return sum_ / static_cast<double>(found_);
    }

private:
    double sum_ = 0;
    std::int64_t found_ = 0;
};

} // namespace pfad::metrics
