// Every metric of a test set at once. Maps and masks are at the size that the network sees; masks
// were brought there by bilinear resizing and a threshold of one half, which is part of the
// protocol.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/metrics/average_precision.hpp>
#include <pfad/metrics/instance_average_precision.hpp>
#include <pfad/metrics/list.hpp>
#include <pfad/metrics/pro.hpp>
#include <pfad/metrics/roc.hpp>
#include <pfad/metrics/score_order.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pfad::metrics {

namespace detail {

inline std::string undefined_reason(const metrics_result& r, pixel_counts total) {
    std::string text;
    const auto add = [&](const std::string& sentence) {
        text += (text.empty() ? "" : " ") + sentence;
    };
    if (r.good + r.anomalous == 0)
        return "There are no test pictures: every metric is undefined.";
    if (r.anomalous == 0)
        add("There are no anomalous test pictures: image AUROC is undefined.");
    if (r.good == 0)
        add("There are no good test pictures: image AUROC is undefined.");
    if (total.anomalous == 0)
        add("There is no mask with an anomalous pixel at the size of the maps: pixel AUROC, "
            "pixel AP, AUPRO, IAP and IAP@90 are undefined.");
    if (total.normal == 0)
        add("No mask has a normal pixel: pixel AUROC and AUPRO are undefined.");
    return text;
}

} // namespace detail

/// scores, masks: (n, h, w), a mask non-zero where anomalous; one score and one label (non-zero:
/// anomalous) a picture. One sort serves all pixel metrics; 16 bytes a pixel. Throws errc::shape or
/// errc::value where the counts differ, errc::value for a NaN.
[[nodiscard]] inline metrics_result evaluate_maps(in<float, 3> scores,
                                                  in<std::uint8_t, 3> masks,
                                                  std::span<const double> image_scores,
                                                  std::span<const std::uint8_t> image_labels) {
    const std::size_t pictures = static_cast<std::size_t>(scores.extent(0));
    expect(image_scores.size() == pictures && image_labels.size() == pictures, "metrics",
           "there is one image score and one label for each map");
    const score_order order(scores, masks);
    roc_area roc;
    average_precision precision;
    region_overlap_area overlap(order);
    instance_precision instances(order);
    order.sweep(roc, precision, overlap, instances);

    metrics_result result;
    result.image_auroc = auroc(image_scores, image_labels);
    result.pixel_auroc = roc.value();
    result.pixel_ap = precision.value();
    result.aupro = overlap.value();
    result.iap = instances.value();
    result.iap90 = instances.at_recall(0.9);
    result.good = std::count(image_labels.begin(), image_labels.end(), std::uint8_t(0));
    result.anomalous = static_cast<std::int64_t>(pictures) - result.good;
    result.instances = order.regions();
    result.reason = detail::undefined_reason(result, order.total());
    return result;
}

} // namespace pfad::metrics
