// The metrics, and what each is called: files, pages and programs walk this list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pfad::metrics {

/// The metrics of one category, each in [0, 1] or none where it is undefined.
struct metrics_result {
    std::optional<double> image_auroc; ///< of the scores of pictures
    std::optional<double> pixel_auroc; ///< of the pixels of all pictures
    std::optional<double> pixel_ap;    ///< average precision of the pixels
    std::optional<double> aupro;       ///< false positive rates up to 0.3
    std::optional<double> iap;         ///< instance average precision
    std::optional<double> iap90;       ///< precision at an instance recall of 0.9
    std::int64_t good = 0;             ///< pictures
    std::int64_t anomalous = 0;        ///< pictures
    /// 8-connected regions of the masks.
    std::int64_t instances = 0;
    std::string reason; ///< what is undefined and why; empty where nothing is
};

/// One of the metrics.
struct metric {
    const char* key;                              ///< in files and on the console
    const char* title;                            ///< in a sentence
    const char* meaning;                          ///< a sentence
    std::optional<double> metrics_result::*value; ///< where a result has it
};

/// All of them, in the order in which they are shown.
inline constexpr metric list[] = {
    {"image_auroc", "image AUROC",
     "How often an anomalous picture scores above a good one; ties count one half.",
     &metrics_result::image_auroc},
    {"pixel_auroc", "pixel AUROC", "The same for the pixels.", &metrics_result::pixel_auroc},
    {"pixel_ap", "pixel AP",
     "Average precision of the pixels over all recalls, in steps, without interpolation.",
     &metrics_result::pixel_ap},
    {"aupro", "AUPRO",
     "Mean share of each defect that is found, for false positive rates up to 0.3.",
     &metrics_result::aupro},
    {"iap", "IAP",
     "Mean pixel precision over the thresholds at which one more defect is found by more than "
     "half.",
     &metrics_result::iap},
    {"iap90", "IAP@90", "Pixel precision where 90 % of the defects are found.",
     &metrics_result::iap90}};

} // namespace pfad::metrics
