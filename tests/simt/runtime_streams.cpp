// The runtime's functions for streams and events.
#include "runtime.hpp"

#include <chrono>

using simt::check_device;
using simt::report;

namespace {

template <class T>
cudaError_t create(T** to) {
    *to = nullptr;
    if (check_device() != cudaSuccess)
        return report(check_device());
    *to = new T();
    return cudaSuccess;
}

template <class T>
cudaError_t destroy(T* handle) {
    if (handle == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    delete handle;
    return cudaSuccess;
}

} // namespace

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    if (flags > cudaStreamNonBlocking)
        return report(cudaErrorInvalidValue);
    return create(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    return destroy(stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return report(check_device());
}

cudaError_t cudaStreamQuery(cudaStream_t) {
    return report(check_device());
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t event, unsigned) {
    return report(event == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return create(event);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return create(event);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    if (event == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    *event = {std::chrono::steady_clock::now(), true};
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    return report(event == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    if (begin == nullptr || end == nullptr || !begin->recorded || !end->recorded)
        return report(cudaErrorInvalidResourceHandle);
    *milliseconds = std::chrono::duration<float, std::milli>(end->when - begin->when).count();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    return destroy(event);
}
