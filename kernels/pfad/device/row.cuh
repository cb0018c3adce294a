// Rows of any length in packs, the last of which may be short.
#pragma once

#include <pfad/device/pack.cuh>

#include <cstdint>

namespace pfad::cuda::device {

/// Up to N elements of a row of c from x + i on, 0 beyond its end; as one pack where `wide` (N then
/// divides c and all is aligned).
template <int N, class T>
__device__ __forceinline__ void
load_row(const T* x, std::int64_t i, std::int64_t c, bool wide, accumulator_t<T> (&to)[N]) {
    if (wide && i < c) {
        load<N>(x + i, to);
    } else {
#pragma unroll
        for (int k = 0; k < N; ++k)
            to[k] = i + k < c ? static_cast<accumulator_t<T>>(x[i + k]) : accumulator_t<T>(0);
    }
}

} // namespace pfad::cuda::device
