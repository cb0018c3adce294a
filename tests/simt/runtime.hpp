// What the runtime's functions share.
#pragma once

#include "include/cuda_runtime.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace simt {

inline constexpr std::size_t device_memory = std::size_t(8) << 30;

/// What the device has been asked for: the same for all threads of the host.
struct device {
    std::mutex lock;
    std::map<std::uintptr_t, std::size_t> allocations;
    std::size_t used = 0;
    std::map<const void*, std::size_t> dynamic_limits; // by kernel
};

[[nodiscard]] device& the_device();

/// Remembers an error for cudaGetLastError.
cudaError_t report(cudaError_t status);

[[nodiscard]] cudaError_t check_device();
[[nodiscard]] cudaError_t check_device(int device);

} // namespace simt
