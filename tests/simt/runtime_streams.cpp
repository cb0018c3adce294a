// The runtime's functions for streams and events.
#include "capture.hpp"
#include "runtime.hpp"

#include <chrono>
#include <cstddef>
#include <memory>

using simt::check_device;
using simt::refuse_while_capturing;
using simt::report;
using simt::the_device;

namespace simt {

std::size_t waits() {
    return the_device().waits;
}

} // namespace simt

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

/// Breaks the capture that a stream or an event belongs to.
cudaError_t invalidate(const std::shared_ptr<simt::capture>& c, cudaError_t why) {
    c->invalid = true;
    return report(why);
}

cudaError_t check_wait(cudaStream_t stream) {
    if (stream != nullptr && stream->capture)
        return invalidate(stream->capture, cudaErrorStreamCaptureUnsupported);
    if (const cudaError_t status = refuse_while_capturing())
        return report(status);
    return report(check_device());
}

cudaError_t check_wait(cudaEvent_t event) {
    if (event == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    if (event->capture)
        return invalidate(event->capture, cudaErrorCapturedEvent);
    return check_wait(cudaStream_t(nullptr));
}

void settle(CUevent_st& event) {
    if (event.done && event.done->settled < event.number)
        event.done->settled = event.number;
}

} // namespace

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    if (flags > cudaStreamNonBlocking)
        return report(cudaErrorInvalidValue);
    return create(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (stream != nullptr && stream->capture) {
        stream->capture->streams.erase(stream);
        static_cast<void>(invalidate(stream->capture, cudaErrorStreamCaptureInvalidated));
    }
    return destroy(stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (const cudaError_t status = check_wait(stream))
        return status;
    ++the_device().waits;
    if (stream != nullptr)
        stream->done->settled = stream->done->recorded;
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
    return cudaStreamSynchronize(nullptr);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return check_wait(stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (event == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    if (check_device() != cudaSuccess)
        return report(check_device());
    if (!event->capture) {
        if (event->recorded && simt::is_captured(stream))
            return invalidate(stream->capture, cudaErrorStreamCaptureIsolation);
        return cudaSuccess;
    }
    if (event->capture->over || stream == nullptr)
        return report(cudaErrorCapturedEvent);
    if (event->capture->invalid)
        return report(cudaErrorStreamCaptureInvalidated);
    if (stream->capture && stream->capture != event->capture) {
        stream->capture->invalid = true;
        return invalidate(event->capture, cudaErrorStreamCaptureMerge);
    }
    // A stream from outside is part of the capture from here on.
    stream->capture = event->capture;
    stream->capture->streams.insert(stream);
    stream->last.insert(event->after.begin(), event->after.end());
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return create(event);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    return create(event);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    if (event == nullptr)
        return report(cudaErrorInvalidResourceHandle);
    if (check_device() != cudaSuccess)
        return report(check_device());
    *event = {};
    event->when = std::chrono::steady_clock::now();
    event->recorded = true;
    if (stream == nullptr)
        return cudaSuccess;
    event->capture = stream->capture;
    event->after = stream->last;
    event->queries = simt::options().queries_until_done;
    event->done = stream->done;
    event->number = ++stream->done->recorded;
    if (stream->capture && stream->capture->invalid)
        return report(cudaErrorStreamCaptureInvalidated);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    if (const cudaError_t status = check_wait(event))
        return status;
    if (!event->done || event->done->settled >= event->number || event->queries == 0)
        return cudaSuccess;
    --event->queries;
    return report(cudaErrorNotReady);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (const cudaError_t status = check_wait(event))
        return status;
    ++the_device().waits;
    settle(*event);
    return cudaSuccess;
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
