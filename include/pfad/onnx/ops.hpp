// What each op of an inspection is in ONNX: all of them.
#pragma once

#include <pfad/onnx/convolutions.hpp>
#include <pfad/onnx/elementwise.hpp>
#include <pfad/onnx/resampling.hpp>
