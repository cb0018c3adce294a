// A method as an ONNX file.
#pragma once

#include "export_onnx.hpp"

#include <pfad/onnx/inspection.hpp>

template <template <class, class> class D>
void program::export_onnx(const std::string& path,
                          D<float, pfad::host>& network,
                          const pfad::model_description& description) {
    pfad::save_onnx<D>(path, network, description);
}

/// The instance for a detector.
#define PFAD_UNIT(D)                                                                               \
    template void program::export_onnx<D>(const std::string&, D<float, pfad::host>&,               \
                                          const pfad::model_description&)
