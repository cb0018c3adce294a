// PFADSeg for embedders: inspector, trainer, evaluator and files, on oneDNN.
//   auto const inspector = pfad::inspector::load("model.safetensors");
//   auto const found = inspector.inspect({pixels, width, height, pixel_format::bgr, stride});
//   if (found.defect) show(found.map, found.regions);
#pragma once

#include <pfad/inspect/heatmap.hpp>
#include <pfad/inspect/inspector.hpp>
#include <pfad/onednn.hpp>
#include <pfad/train/evaluator.hpp>
#include <pfad/train/teacher.hpp>
#include <pfad/train/two_stage_trainer.hpp>

namespace pfad {

/// The backend that the programs and embedders get.
using context = onednn::context;
/// Finds defects with a trained model, on oneDNN.
using inspector = inspect::inspector<context>;
/// Trains a model in two stages, on oneDNN.
using trainer = train::two_stage_trainer<context>;

} // namespace pfad
