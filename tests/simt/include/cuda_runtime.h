// Stands in for the CUDA runtime's header of the same name: kernels compile with the host's
// compiler and run in the emulator of simt.hpp. It has what the library uses, and refuses the rest
// by not having it. Memory of the "device" is memory of the heap, everything on a stream happens at
// once.
#pragma once

#include "../simt.hpp"

#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

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

// The runtime's functions, with CUDA's names and numbers.

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInvalidMemcpyDirection = 21,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorLaunchFailure = 719,
    cudaErrorNotSupported = 801,
    cudaErrorUnknown = 999,
};

const char* cudaGetErrorName(cudaError_t);
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetLastError();

struct cudaDeviceProp {
    char name[256];
    std::size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin;
    std::size_t sharedMemPerMultiprocessor;
    int regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsPerMultiProcessor;
    int maxThreadsDim[3], maxGridSize[3];
    int major, minor, multiProcessorCount, l2CacheSize;
};

enum cudaDeviceAttr {
    cudaDevAttrMaxThreadsPerBlock = 1,
    cudaDevAttrMaxSharedMemoryPerBlock = 8,
    cudaDevAttrWarpSize = 10,
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrL2CacheSize = 38,
    cudaDevAttrMaxThreadsPerMultiProcessor = 39,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int device);
cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr what, int device);
cudaError_t cudaDeviceSynchronize();

// Streams and events. Nothing is ever pending: a stream is an identity, an event a point in time.

struct CUstream_st {};
struct CUevent_st {
    std::chrono::steady_clock::time_point when;
    bool recorded;
};
using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;
inline constexpr unsigned cudaStreamDefault = 0, cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDefault = 0, cudaEventDisableTiming = 2;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);

// Memory: each allocation is a heap block of its size, full of 0xFF. A copy checks its direction.

enum cudaMemcpyKind {
    cudaMemcpyHostToHost = 0,
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
    cudaMemcpyDefault = 4,
};

cudaError_t cudaMalloc(void** to, std::size_t bytes);
cudaError_t cudaFree(void* p);
cudaError_t cudaMallocAsync(void** to, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream);
cudaError_t cudaMallocHost(void** to, std::size_t bytes);
cudaError_t cudaFreeHost(void* p);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to,
                            const void* from,
                            std::size_t bytes,
                            cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void* to, int value, std::size_t bytes);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);

template <class T>
cudaError_t cudaMalloc(T** to, std::size_t bytes) {
    void* p = nullptr;
    const cudaError_t status = cudaMalloc(&p, bytes);
    *to = static_cast<T*>(p);
    return status;
}
template <class T>
cudaError_t cudaMallocAsync(T** to, std::size_t bytes, cudaStream_t) {
    return cudaMalloc(to, bytes);
}
template <class T>
cudaError_t cudaMallocHost(T** to, std::size_t bytes) {
    void* p = nullptr;
    const cudaError_t status = cudaMallocHost(&p, bytes);
    *to = static_cast<T*>(p);
    return status;
}

// Launches.

enum cudaFuncAttribute {
    cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
    cudaFuncAttributePreferredSharedMemoryCarveout = 9,
};

struct cudaLaunchAttribute {
    unsigned id;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    std::size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute* attrs;
    unsigned numAttrs;
};

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute what, int value);

template <class... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute what, int value) {
    return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), what, value);
}

namespace simt {

/// What the hardware would say to such a launch.
cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel);

/// A kernel and its arguments. Every thread gets a copy of them.
template <class... P>
struct call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;

    static void start(const void* self) {
        const auto& c = *static_cast<const call*>(self);
        std::apply(c.kernel, c.arguments);
    }
};

} // namespace simt

/// Runs the kernel to its end. Throws simt::error where the kernel breaks a rule, and whatever the
/// kernel throws.
template <class... P, class... A>
cudaError_t
cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(P...), A&&... arguments) {
    static_assert(!(std::is_reference_v<P> || ...), "a kernel takes its arguments by value");
    const cudaError_t status = simt::check_launch(*config, reinterpret_cast<const void*>(kernel));
    if (status != cudaSuccess)
        return status;
    const auto convert = [](P... values) { return std::tuple<P...>(std::move(values)...); };
    const simt::call<P...> c = {kernel, convert(std::forward<A>(arguments)...)};
    simt::run({config->gridDim, config->blockDim, config->dynamicSmemBytes},
              &simt::call<P...>::start, &c);
    return cudaSuccess;
}
