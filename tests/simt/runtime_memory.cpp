// The runtime's functions for memory.
#include "capture.hpp"
#include "runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>

using simt::check_device;
using simt::device;
using simt::refuse_while_capturing;
using simt::report;
using simt::the_device;

namespace {

constexpr auto alignment = std::align_val_t(256);

/// What a call says that needs the device and may wait for it.
cudaError_t check_call() {
    return check_device() != cudaSuccess ? check_device() : refuse_while_capturing();
}

/// Memory on the heap, never written: a float of these bits is NaN.
void* allocate(std::size_t bytes) {
    void* const p = operator new(bytes, alignment, std::nothrow);
    if (p != nullptr)
        std::memset(p, 0xff, bytes);
    return p;
}

bool on_device(const void* p, std::size_t bytes) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    auto next = d.allocations.upper_bound(at);
    if (next == d.allocations.begin())
        return false;
    --next;
    return at + bytes <= next->first + next->second;
}

} // namespace

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
    *to = nullptr;
    if (const cudaError_t status = check_call())
        return report(status);
    if (bytes == 0)
        return cudaSuccess;
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    if (bytes > simt::options().device_bytes || d.used > simt::options().device_bytes - bytes)
        return report(cudaErrorMemoryAllocation);
    *to = allocate(bytes);
    if (*to == nullptr)
        return report(cudaErrorMemoryAllocation);
    d.allocations.emplace(reinterpret_cast<std::uintptr_t>(*to), bytes);
    d.used += bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
    if (p == nullptr)
        return cudaSuccess;
    if (const cudaError_t status = refuse_while_capturing())
        return report(status);
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto found = d.allocations.find(reinterpret_cast<std::uintptr_t>(p));
    if (found == d.allocations.end())
        return report(cudaErrorInvalidValue);
    d.used -= found->second;
    d.allocations.erase(found);
    operator delete(p, alignment);
    return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** to, std::size_t bytes, cudaStream_t) {
    return cudaMalloc(to, bytes);
}

cudaError_t cudaFreeAsync(void* p, cudaStream_t) {
    return cudaFree(p);
}

cudaError_t cudaMallocHost(void** to, std::size_t bytes) {
    *to = nullptr;
    if (const cudaError_t status = check_call())
        return report(status);
    *to = allocate(bytes);
    return report(*to == nullptr ? cudaErrorMemoryAllocation : cudaSuccess);
}

cudaError_t cudaFreeHost(void* p) {
    if (const cudaError_t status = refuse_while_capturing())
        return report(status);
    operator delete(p, alignment);
    return cudaSuccess;
}

namespace {

cudaError_t check_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (check_device() != cudaSuccess)
        return check_device();
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault)
        return cudaErrorInvalidMemcpyDirection;
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (bytes > 0 &&
        ((to_device && !on_device(to, bytes)) || (from_device && !on_device(from, bytes))))
        return cudaErrorInvalidValue;
    return cudaSuccess;
}

cudaError_t check_set(void* to, std::size_t bytes) {
    if (check_device() != cudaSuccess)
        return check_device();
    return bytes == 0 || on_device(to, bytes) ? cudaSuccess : cudaErrorInvalidValue;
}

} // namespace

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    if (const cudaError_t status = refuse_while_capturing())
        return report(status);
    return cudaMemcpyAsync(to, from, bytes, kind);
}

cudaError_t cudaMemcpyAsync(
    void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    if (const cudaError_t status = check_copy(to, from, bytes, kind))
        return report(status);
    return simt::enqueue(stream, [=] {
        if (bytes > 0)
            std::memcpy(to, from, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
    if (const cudaError_t status = refuse_while_capturing())
        return report(status);
    return cudaMemsetAsync(to, value, bytes);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    if (const cudaError_t status = check_set(to, bytes))
        return report(status);
    return simt::enqueue(stream, [=] {
        if (bytes > 0)
            std::memset(to, value, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    *total = simt::options().device_bytes;
    *free = *total - d.used;
    return report(check_device());
}
