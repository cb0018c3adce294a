// Errors of the CUDA runtime as pfad::error.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/cuda/runtime.hpp>

#include <string>
#include <string_view>

namespace pfad::cuda {

/// Whether CUDA answers every later call of the process with this error, too.
[[nodiscard]] constexpr bool is_final(cudaError_t status) {
    switch (status) {
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
        return true;
    default:
        return false;
    }
}

/// Throws errc::backend "subject: what CUDA says" unless the call succeeded. A kernel that fails is
/// found by a later call, which the sentence then says.
inline void check(cudaError_t status, std::string_view subject) {
    if (status == cudaSuccess)
        return;
    static_cast<void>(cudaGetLastError()); // one that is not final is over
    std::string sentence = std::string(subject) + ": " + cudaGetErrorString(status);
    if (is_final(status))
        sentence += ", here or in something queued before; this process can use the GPU no more";
    fail(errc::backend, sentence);
}

/// For destructors, which never throw: the error, if there is one, is reported by the next check.
inline void discard(cudaError_t) noexcept {}

} // namespace pfad::cuda
