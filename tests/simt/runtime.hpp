// What the runtime's functions share.
#pragma once

#include "include/cuda_runtime.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace simt {

inline constexpr int runtime_version = 13000;

/// What the device has been asked for: the same for all threads of the host.
struct device {
    std::mutex lock;
    std::map<std::uintptr_t, std::size_t> allocations;
    std::size_t used = 0;
    std::map<const void*, std::size_t> dynamic_limits; // by kernel
    std::atomic<std::size_t> waits = 0;
};

[[nodiscard]] device& the_device();

/// Remembers an error for cudaGetLastError.
cudaError_t report(cudaError_t status);

/// What a call that needs the device says first.
[[nodiscard]] cudaError_t check_device();
[[nodiscard]] cudaError_t check_device(int device);

} // namespace simt
