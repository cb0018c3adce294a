// Where the bytes of a tensor live.
#pragma once

namespace pfad {

struct host {};
struct gpu {};

} // namespace pfad
