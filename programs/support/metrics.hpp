// The metrics by name, as files, pages and programs have them.
#pragma once

#include <pfad/metrics/evaluation.hpp>

#include <optional>

namespace program {

struct named_metric {
    const char* key;
    const char* title;
    std::optional<double> pfad::metrics::metrics_result::*value;
};
inline constexpr named_metric metrics[] = {
    {"image_auroc", "image AUROC", &pfad::metrics::metrics_result::image_auroc},
    {"pixel_auroc", "pixel AUROC", &pfad::metrics::metrics_result::pixel_auroc},
    {"pixel_ap", "pixel AP", &pfad::metrics::metrics_result::pixel_ap},
    {"aupro", "AUPRO", &pfad::metrics::metrics_result::aupro},
    {"iap", "IAP", &pfad::metrics::metrics_result::iap},
    {"iap90", "IAP@90", &pfad::metrics::metrics_result::iap90}};

} // namespace program
