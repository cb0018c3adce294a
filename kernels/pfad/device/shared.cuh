// Shared memory of a block. Kernels get it here and nowhere else, so that an emulator can hand out
// memory of its own, poisoned and watched.
#pragma once

#include <pfad/cuda/runtime.hpp>

#include <cstddef>

namespace pfad::cuda::device {

/// N elements, the same for every thread of the block. Tag keeps arrays of one type and size apart.
template <class T, std::size_t N, class Tag>
__device__ __forceinline__ T* shared_array() {
#if defined(__CUDACC__)
    __shared__ alignas(16) unsigned char memory[N * sizeof(T)];
    return reinterpret_cast<T*>(memory);
#else
    return simt::static_shared<T, N, Tag>();
#endif
}

/// The launch's dynamic shared memory.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#if defined(__CUDACC__)
    extern __shared__ __align__(16) unsigned char pfad_dynamic_shared[];
    return reinterpret_cast<T*>(pfad_dynamic_shared);
#else
    return simt::dynamic_shared<T>();
#endif
}

} // namespace pfad::cuda::device
