// What a kernel is written with: see cuda_runtime.h, which programs include.
#pragma once

#include "../simt.hpp"

#include <atomic>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// A variable of the host's compiler would be shared by all blocks and never be fresh.
#define __shared__ shared_memory_comes_from_dynamic_shared_and_static_shared_alone

// Vectors, aligned so that a GPU loads them in one access.

struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

constexpr uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) {
    return {x, y, z, w};
}
constexpr int2 make_int2(int x, int y) {
    return {x, y};
}
constexpr uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
constexpr float2 make_float2(float x, float y) {
    return {x, y};
}
constexpr int4 make_int4(int x, int y, int z, int w) {
    return {x, y, z, w};
}
constexpr uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}
constexpr float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

// Barriers, votes and shuffles. The last parameter is never given: it is where the call stands.

inline void __syncthreads(std::source_location where = std::source_location::current()) {
    simt::block_barrier(simt::operation::syncthreads, false, where);
}
inline int __syncthreads_count(int predicate,
                               std::source_location where = std::source_location::current()) {
    return simt::block_barrier(simt::operation::syncthreads_count, predicate != 0, where);
}
inline int __syncthreads_or(int predicate,
                            std::source_location where = std::source_location::current()) {
    return simt::block_barrier(simt::operation::syncthreads_or, predicate != 0, where);
}
inline int __syncthreads_and(int predicate,
                             std::source_location where = std::source_location::current()) {
    return simt::block_barrier(simt::operation::syncthreads_and, predicate != 0, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       std::source_location where = std::source_location::current()) {
    simt::warp_vote(simt::operation::syncwarp, mask, false, where);
}
inline unsigned __ballot_sync(unsigned mask,
                              int predicate,
                              std::source_location where = std::source_location::current()) {
    return simt::warp_vote(simt::operation::ballot, mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask,
                      int predicate,
                      std::source_location where = std::source_location::current()) {
    return simt::warp_vote(simt::operation::any, mask, predicate != 0, where) != 0;
}
inline int __all_sync(unsigned mask,
                      int predicate,
                      std::source_location where = std::source_location::current()) {
    return simt::warp_vote(simt::operation::all, mask, predicate != 0, where) == mask;
}

namespace simt {

/// What a shuffle moves in one or two registers.
template <class T>
concept lane_value = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <lane_value T>
T shuffle(operation what, unsigned mask, T v, unsigned by, int width, std::source_location where) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    bits = warp_shuffle(what, mask, bits, by, width, where);
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

} // namespace simt

template <simt::lane_value T>
T __shfl_sync(unsigned mask,
              T v,
              int lane,
              int width = warpSize,
              std::source_location where = std::source_location::current()) {
    return simt::shuffle(simt::operation::shfl, mask, v, unsigned(lane), width, where);
}
template <simt::lane_value T>
T __shfl_up_sync(unsigned mask,
                 T v,
                 unsigned delta,
                 int width = warpSize,
                 std::source_location where = std::source_location::current()) {
    return simt::shuffle(simt::operation::shfl_up, mask, v, delta, width, where);
}
template <simt::lane_value T>
T __shfl_down_sync(unsigned mask,
                   T v,
                   unsigned delta,
                   int width = warpSize,
                   std::source_location where = std::source_location::current()) {
    return simt::shuffle(simt::operation::shfl_down, mask, v, delta, width, where);
}
template <simt::lane_value T>
T __shfl_xor_sync(unsigned mask,
                  T v,
                  int lanes,
                  int width = warpSize,
                  std::source_location where = std::source_location::current()) {
    return simt::shuffle(simt::operation::shfl_xor, mask, v, unsigned(lanes), width, where);
}

// Atomics: relaxed as on the GPU, so they order nothing else. They return the old value.

namespace simt {

template <class T, class... Of>
concept one_of = (std::same_as<T, Of> || ...);

template <class T, class F>
T update(T* p, F f) {
    const std::atomic_ref<T> at(*p);
    T old = at.load(std::memory_order_relaxed);
    while (!at.compare_exchange_weak(old, f(old), std::memory_order_relaxed)) {
    }
    return old;
}

} // namespace simt

template <simt::one_of<int, unsigned, unsigned long long, float, double> T>
T atomicAdd(T* p, std::type_identity_t<T> v) {
    return std::atomic_ref<T>(*p).fetch_add(v, std::memory_order_relaxed);
}
template <simt::one_of<int, unsigned> T>
T atomicMax(T* p, std::type_identity_t<T> v) {
    return simt::update(p, [v](T old) { return old > v ? old : v; });
}
template <simt::one_of<int, unsigned> T>
T atomicMin(T* p, std::type_identity_t<T> v) {
    return simt::update(p, [v](T old) { return old < v ? old : v; });
}
template <simt::one_of<int, unsigned, unsigned long long, float> T>
T atomicExch(T* p, std::type_identity_t<T> v) {
    return std::atomic_ref<T>(*p).exchange(v, std::memory_order_relaxed);
}
template <simt::one_of<int, unsigned, unsigned long long> T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> v) {
    std::atomic_ref<T>(*p).compare_exchange_strong(expected, v, std::memory_order_relaxed);
    return expected;
}

// Loads and stores with a hint to the cache.

template <class T>
__forceinline__ T __ldg(const T* p) {
    return *p;
}
template <class T>
__forceinline__ T __ldcs(const T* p) {
    return *p;
}
template <class T>
__forceinline__ T __ldcg(const T* p) {
    return *p;
}
template <class T>
__forceinline__ void __stcs(T* p, std::type_identity_t<T> v) {
    *p = v;
}
template <class T>
__forceinline__ void __stcg(T* p, std::type_identity_t<T> v) {
    *p = v;
}

// Intrinsics. glibc declares two of the names for itself, hence noexcept.

__forceinline__ float __expf(float x) noexcept {
    return std::exp(x);
}
__forceinline__ float __logf(float x) noexcept {
    return std::log(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float __fmaf_rn(float x, float y, float z) {
    return std::fma(x, y, z);
}
inline int __popc(unsigned v) {
    return std::popcount(v);
}
inline int __ffs(int v) {
    return v == 0 ? 0 : std::countr_zero(unsigned(v)) + 1;
}
inline int __clz(int v) {
    return std::countl_zero(unsigned(v));
}
inline unsigned __brev(unsigned v) {
    v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
    v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
    v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(v);
}
inline int __float_as_int(float x) {
    return std::bit_cast<int>(x);
}
inline float __int_as_float(int v) {
    return std::bit_cast<float>(v);
}
inline unsigned __float_as_uint(float x) {
    return std::bit_cast<unsigned>(x);
}
inline float __uint_as_float(unsigned v) {
    return std::bit_cast<float>(v);
}
