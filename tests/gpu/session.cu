// The programs' own GPU for PFADSeg, as programs/CMakeLists.txt makes a unit of it.
#include "session/gpu.hpp"

#include <pfad/detectors/pfadseg.hpp>

PFAD_UNIT(pfad::pfadseg);
