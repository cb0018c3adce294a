// Thresholds from image scores. A picture is a defect where its score is at or above the threshold;
// every threshold is in the range of the method's scores, by default that of probabilities.
//   errors  errc::value for no score, a score that is not finite, and a rate that no threshold keeps
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/detectors/detector.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace pfad {

/// How many pictures a threshold calls a defect.
[[nodiscard]] inline std::size_t defects_from(double threshold, const std::vector<double>& scores) {
    return static_cast<std::size_t>(
        std::count_if(scores.begin(), scores.end(), [=](double s) { return s >= threshold; }));
}

/// Throws unless there are scores, all finite. `kind` is what the pictures are.
inline void check_scores(const std::vector<double>& scores, const char* kind) {
    if (scores.empty())
        fail(errc::value, std::string("threshold: there is no ") + kind + " picture");
    for (const double s : scores)
        if (!std::isfinite(s))
            fail(errc::value,
                 std::string("threshold: the score of a ") + kind + " picture is not finite");
}

/// What a new good picture rarely reaches: three deviations above the mean of good scores, and not
/// below the highest of them.
[[nodiscard]] inline double threshold_of_good(const std::vector<double>& scores,
                                              const score_range& range = {}) {
    check_scores(scores, "good");
    double mean = 0, square = 0;
    for (const double s : scores)
        mean += s / static_cast<double>(scores.size());
    for (const double s : scores)
        square += (s - mean) * (s - mean) / static_cast<double>(scores.size());
    const double highest = *std::max_element(scores.begin(), scores.end());
    return std::clamp(std::max(highest, mean + 3 * std::sqrt(square)), range.lowest, range.highest);
}

/// The confidence that pfad's statements have where none is named.
inline constexpr double usual_confidence = 0.95;

/// How many false alarms to expect at most: the share of new good pictures that are called a defect is,
/// with this confidence, no larger where `flagged` of `pictures` good ones were that the network had not
/// seen. It holds, too, where the threshold was put right above the other `pictures - flagged` scores.
/// The upper limit of Clopper and Pearson (Biometrika 1934): the share at which so few would have a
/// probability of 1 - confidence. 35 pictures without an alarm allow 8.2 %, 299 pictures 1 %.
[[nodiscard]] inline double
false_alarm_limit(std::size_t flagged, std::size_t pictures, double confidence = usual_confidence) {
    expect(pictures > 0 && flagged <= pictures && confidence > 0 && confidence < 1, "threshold",
           "of one picture or more no more are flagged, and a confidence is between 0 and 1");
    if (flagged == pictures)
        return 1;
    const double n = static_cast<double>(pictures);
    // P(flagged or fewer of n), which falls as the share rises.
    const auto so_few = [&](double share) {
        double sum = 0;
        for (std::size_t i = 0; i <= flagged; ++i) {
            const double k = static_cast<double>(i);
            sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                            k * std::log(share) + (n - k) * std::log1p(-share));
        }
        return sum;
    };
    double low = 0, high = 1;
    for (int step = 0; step < 60; ++step) {
        const double middle = (low + high) / 2;
        (so_few(middle) > 1 - confidence ? low : high) = middle;
    }
    return high;
}

/// How many good pictures without an alarm it takes to say, with this confidence, that no more than `rate`
/// of new ones are called a defect; both lie between 0 and 1.
[[nodiscard]] inline std::size_t pictures_for_limit(double rate,
                                                    double confidence = usual_confidence) {
    expect(rate > 0 && rate < 1 && confidence > 0 && confidence < 1, "threshold",
           "a rate and a confidence are between 0 and 1");
    return static_cast<std::size_t>(std::ceil(std::log1p(-confidence) / std::log1p(-rate) - 1e-9));
}

/// The lowest threshold at which no more than `rate` of the good pictures are defects: the next
/// number of float above the first score that may not be one. `rate` is in [0, 1).
[[nodiscard]] inline double
threshold_of_false_alarms(std::vector<double> good, double rate, const score_range& range = {}) {
    check_scores(good, "good");
    expect(rate >= 0 && rate < 1, "threshold",
           "the rate of false alarms is at least 0 and below 1");
    std::sort(good.begin(), good.end(), std::greater<>());
    // 0.29 * 100 is 28.999999999999996.
    const double share = std::floor(rate * static_cast<double>(good.size()) + 1e-9);
    const std::size_t allowed = std::min(static_cast<std::size_t>(share), good.size() - 1);
    const double threshold = std::max(
        range.lowest, static_cast<double>(std::nextafter(static_cast<float>(good[allowed]), 1e9f)));
    if (threshold > range.highest)
        fail(errc::value,
             "threshold: too many good pictures have the highest score, so that no threshold "
             "keeps this rate of false alarms");
    return threshold;
}

/// F1 of a threshold, defects being what is looked for: 2 hits / (2 hits + misses + false alarms).
[[nodiscard]] inline double
f1_of(double threshold, const std::vector<double>& good, const std::vector<double>& bad) {
    const double hits = static_cast<double>(defects_from(threshold, bad));
    const double false_alarms = static_cast<double>(defects_from(threshold, good));
    return 2 * hits / (hits + static_cast<double>(bad.size()) + false_alarms);
}

/// The threshold with the best F1, half-way between the two neighbouring scores that it separates.
/// Of several with one F1 the lowest, which misses the fewest defects.
[[nodiscard]] inline double threshold_of_best_f1(const std::vector<double>& good,
                                                 const std::vector<double>& bad,
                                                 const score_range& range = {}) {
    check_scores(good, "good");
    check_scores(bad, "bad");
    std::vector<double> cuts = good;
    cuts.insert(cuts.end(), bad.begin(), bad.end());
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    double best = -1, threshold = 0;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        const double cut =
            std::clamp(i == 0 ? cuts[0] : (cuts[i - 1] + cuts[i]) / 2, range.lowest, range.highest);
        const double f1 = f1_of(cut, good, bad);
        if (f1 > best) {
            best = f1;
            threshold = cut;
        }
    }
    return threshold;
}

} // namespace pfad
