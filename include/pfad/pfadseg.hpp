// PFADSeg for embedders: inspector, trainer, evaluator and files, on oneDNN.
//   auto const inspector = pfad::inspector::load("model.safetensors");
//   auto const found = inspector.inspect({pixels, width, height, pixel_format::bgr, stride});
//   if (found.defect) show(found.map, found.regions);
// Another method is its header and, for example, pfad::detect::inspector<pfad::context, pfad::stpm>.
#pragma once

#include <pfad/detect/inspector.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/evaluate/evaluator.hpp>
#include <pfad/onednn.hpp>
#include <pfad/report/heat_map.hpp>
#include <pfad/train/teacher.hpp>
#include <pfad/train/trainer.hpp>

namespace pfad {

/// The backend that the programs and embedders get.
using context = onednn::context;
/// Finds defects with a trained PFADSeg, on oneDNN.
using inspector = detect::inspector<context, pfadseg>;
/// Trains PFADSeg in two stages, on oneDNN.
using trainer = train::trainer<context, pfadseg>;

} // namespace pfad
