// Errors of the CUDA runtime as pfad::error.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/cuda/runtime.hpp>

#include <string>
#include <string_view>

namespace pfad::cuda {

/// Throws errc::backend "subject: what CUDA says" unless the call succeeded.
inline void check(cudaError_t status, std::string_view subject) {
    if (status == cudaSuccess)
        return;
    static_cast<void>(cudaGetLastError()); // one that is not fatal is over
    fail(errc::backend, std::string(subject) + ": " + cudaGetErrorString(status));
}

/// For destructors, which never throw: the error, if there is one, is reported by the next check.
inline void discard(cudaError_t) noexcept {}

} // namespace pfad::cuda
