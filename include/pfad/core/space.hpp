// Where the bytes of a tensor live.
#pragma once

namespace pfad {

/// Memory of the processor.
struct host {};
/// Memory of a GPU.
struct gpu {};

} // namespace pfad
