// What pfad_export needs of ONNX.
#pragma once

#include <pfad/detect/detector_file.hpp>

#include <string>

namespace program {

/// save_onnx, compiled in a unit for each detector.
template <template <class, class> class D>
void export_onnx(const std::string& path,
                 D<float, pfad::host>& network,
                 const pfad::model_description& description);

} // namespace program
