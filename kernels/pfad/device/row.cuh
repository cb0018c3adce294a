// Rows of any length in packs, the last of which may be short, and sums over a warp that has a row.
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

/// The sum over a warp, the same bits in every lane.
template <class A>
__device__ __forceinline__ A warp_sum(A v) {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, lane);
    return v;
}

} // namespace pfad::cuda::device
