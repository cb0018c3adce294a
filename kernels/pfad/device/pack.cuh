// Several neighbouring elements that travel in one 16-byte access.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/cuda/launch.hpp>

#include <cstdint>

namespace pfad::cuda::device {

/// How many neighbouring elements a functor is to do at once.
template <int N>
struct width {
    /// N.
    static constexpr int value = N;
};

/// N elements, aligned so that they are loaded and stored at once.
template <class T, int N>
struct alignas(N * sizeof(T)) pack {
    T at[N]; ///< the elements
};

/// Elements in 16 bytes.
template <class T>
inline constexpr int full_pack = static_cast<int>(16 / sizeof(T));

/// N elements from x on, as what they are computed with. x is aligned to N elements.
template <int N, class T>
__device__ __forceinline__ void load(const T* x, accumulator_t<T> (&to)[N]) {
    const auto p = *reinterpret_cast<const pack<T, N>*>(x);
#pragma unroll
    for (int i = 0; i < N; ++i)
        to[i] = static_cast<accumulator_t<T>>(p.at[i]);
}

/// Writes N elements to y on, or adds them to what is there.
template <int N, class T>
__device__ __forceinline__ void save(T* y, const accumulator_t<T> (&from)[N], store how) {
    auto* const to = reinterpret_cast<pack<T, N>*>(y);
    pack<T, N> p;
    if (how == store::add) {
        p = *to;
#pragma unroll
        for (int i = 0; i < N; ++i)
            p.at[i] = static_cast<T>(static_cast<accumulator_t<T>>(p.at[i]) + from[i]);
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i)
            p.at[i] = static_cast<T>(from[i]);
    }
    *to = p;
}

/// Whether N elements may be accessed at once from every pointer on (from a null pointer they may).
template <int N, class... T>
[[nodiscard]] inline bool aligned(const T*... x) {
    return ((reinterpret_cast<std::uintptr_t>(x) % (N * sizeof(T)) == 0) && ...);
}

} // namespace pfad::cuda::device
