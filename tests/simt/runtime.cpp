// The runtime's functions for the last error, the device and the limits of a kernel.
#include "runtime.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <utility>

namespace simt {

device& the_device() {
    static device one;
    return one;
}

namespace {

constinit thread_local cudaError_t last_error = cudaSuccess;

} // namespace

cudaError_t report(cudaError_t status) {
    if (status != cudaSuccess)
        last_error = status;
    return status;
}

cudaError_t check_device() {
    const settings& s = options();
    if (s.device_error != 0)
        return static_cast<cudaError_t>(s.device_error);
    if (s.driver_version < runtime_version)
        return cudaErrorInsufficientDriver;
    return s.device_present ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t check_device(int device) {
    if (check_device() != cudaSuccess)
        return check_device();
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

} // namespace simt

using simt::check_device;
using simt::device;
using simt::last_error;
using simt::report;
using simt::the_device;

cudaError_t cudaPeekAtLastError() {
    return last_error;
}

cudaError_t cudaGetLastError() {
    return std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = check_device() == cudaSuccess ? 1 : 0;
    return report(check_device());
}

cudaError_t cudaGetDevice(int* to) {
    *to = 0;
    return report(check_device());
}

cudaError_t cudaSetDevice(int number) {
    return report(check_device(number));
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int number) {
    *to = {};
    if (check_device(number) != cudaSuccess)
        return report(check_device(number));
    std::strcpy(to->name, "SIMT emulator");
    to->totalGlobalMem = simt::options().device_bytes;
    to->sharedMemPerBlock = simt::shared_static_limit;
    to->sharedMemPerBlockOptin = simt::shared_limit;
    to->sharedMemPerMultiprocessor = 228 * 1024;
    to->regsPerBlock = 65536;
    to->warpSize = warpSize;
    to->maxThreadsPerBlock = simt::threads_limit;
    to->maxThreadsPerMultiProcessor = 2048;
    to->maxThreadsDim[0] = to->maxThreadsDim[1] = simt::threads_limit;
    to->maxThreadsDim[2] = 64;
    to->maxGridSize[0] = 0x7fffffff;
    to->maxGridSize[1] = to->maxGridSize[2] = 65535;
    to->major = 9;
    to->multiProcessorCount = simt::options().multiprocessors;
    to->l2CacheSize = 50 << 20;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr what, int number) {
    cudaDeviceProp p;
    const cudaError_t status = cudaGetDeviceProperties(&p, number);
    if (status != cudaSuccess)
        return status;
    const auto give = [&](auto v) {
        *to = static_cast<int>(v);
        return cudaSuccess;
    };
    switch (what) {
    case cudaDevAttrMaxThreadsPerBlock:
        return give(p.maxThreadsPerBlock);
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return give(p.sharedMemPerBlock);
    case cudaDevAttrWarpSize:
        return give(p.warpSize);
    case cudaDevAttrMultiProcessorCount:
        return give(p.multiProcessorCount);
    case cudaDevAttrL2CacheSize:
        return give(p.l2CacheSize);
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        return give(p.maxThreadsPerMultiProcessor);
    case cudaDevAttrComputeCapabilityMajor:
        return give(p.major);
    case cudaDevAttrComputeCapabilityMinor:
        return give(p.minor);
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return give(p.sharedMemPerMultiprocessor);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return give(p.sharedMemPerBlockOptin);
    }
    return report(cudaErrorInvalidValue);
}

cudaError_t cudaDriverGetVersion(int* version) {
    *version = simt::options().driver_version;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = simt::runtime_version;
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute what, int value) {
    if (what == cudaFuncAttributePreferredSharedMemoryCarveout)
        return cudaSuccess;
    if (kernel == nullptr || value < 0 || std::size_t(value) > simt::shared_limit)
        return report(cudaErrorInvalidValue);
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    d.dynamic_limits[kernel] = std::size_t(value);
    return cudaSuccess;
}

namespace simt {

namespace {

bool valid(dim3 v, unsigned x, unsigned y, unsigned z) {
    return v.x >= 1 && v.y >= 1 && v.z >= 1 && v.x <= x && v.y <= y && v.z <= z;
}

/// More than 48 KiB are for those kernels alone that asked for it.
std::size_t dynamic_limit(const void* kernel) {
    device& d = the_device();
    const std::lock_guard hold(d.lock);
    const auto found = d.dynamic_limits.find(kernel);
    return found == d.dynamic_limits.end() ? shared_static_limit
                                           : std::max(found->second, shared_static_limit);
}

} // namespace

cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel) {
    const dim3 b = config.blockDim;
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (!valid(config.gridDim, 0x7fffffff, 65535, 65535) ||
        !valid(b, threads_limit, threads_limit, 64) || b.x * b.y * b.z > threads_limit)
        return report(cudaErrorInvalidConfiguration);
    if (config.dynamicSmemBytes > dynamic_limit(kernel))
        return report(cudaErrorInvalidValue);
    return report(config.numAttrs == 0 ? cudaSuccess : cudaErrorNotSupported);
}

void run_kernel(const launch_shape& shape, void (*body)(const void*), const void* arguments) {
    settings& s = options();
    if (s.device_error != 0)
        return;
    if (s.kernels_until_error == 0) {
        s.device_error = s.kernel_error;
        return;
    }
    if (s.kernels_until_error > 0)
        --s.kernels_until_error;
    run(shape, body, arguments);
}

} // namespace simt
