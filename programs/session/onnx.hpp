// A method as an ONNX file.
#pragma once

#include <pfad/onnx/inspection.hpp>

/// The instance for a detector.
#define PFAD_UNIT(D)                                                                               \
    template void pfad::save_onnx<D>(const std::string&, D<float, pfad::host>&,                    \
                                     const pfad::model_description&)
