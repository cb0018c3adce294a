// The runtime's functions.
#include "test_support.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace simt::test;

TEST_CASE("simt: a machine without a device", "[simt]") {
    const chosen scope(simt::order::forward);
    simt::options().device_present = false;
    int count = -1;
    CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
    CHECK(count == 0);
    float* p = nullptr;
    CHECK(cudaMalloc(&p, 4) == cudaErrorNoDevice);
    CHECK(p == nullptr);
    const auto config = shape(1, 1);
    CHECK(cudaLaunchKernelEx(&config, kernels::throw_kernel<>, -1) == cudaErrorNoDevice);
    CHECK(cudaGetLastError() == cudaErrorNoDevice);
    CHECK(std::string(cudaGetErrorName(cudaErrorNoDevice)) == "cudaErrorNoDevice");
}

TEST_CASE("simt: the device", "[simt]") {
    const chosen scope(simt::order::forward);
    simt::options().multiprocessors = 7;
    int count = 0, device = -1, multiprocessors = 0;
    CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
    CHECK(count == 1);
    CHECK(cudaGetDevice(&device) == cudaSuccess);
    CHECK(device == 0);
    CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(cudaPeekAtLastError() == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
    CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0) ==
          cudaSuccess);
    CHECK(multiprocessors == 7);
    cudaDeviceProp p;
    CHECK(cudaGetDeviceProperties(&p, 0) == cudaSuccess);
    CHECK(std::string(p.name) == "SIMT emulator");
    CHECK(p.sharedMemPerBlockOptin == 227 * 1024);
}

TEST_CASE("simt: memory, and copies in the wrong direction", "[simt]") {
    std::size_t before = 0, after = 0, total = 0;
    CHECK(cudaMemGetInfo(&before, &total) == cudaSuccess);
    float *p = nullptr, *pinned = nullptr;
    CHECK(cudaMalloc(&p, 3 * sizeof(float)) == cudaSuccess);
    CHECK(cudaMallocHost(&pinned, 3 * sizeof(float)) == cudaSuccess);
    CHECK(cudaMemGetInfo(&after, &total) == cudaSuccess);
    CHECK(before - after == 12);
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 256 == 0);
    CHECK(cudaMemcpy(pinned, p, 12, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(std::isnan(pinned[2]));
    CHECK(cudaMemset(p, 0, 12) == cudaSuccess);
    CHECK(cudaMemcpyAsync(pinned, p + 1, 4, cudaMemcpyDefault) == cudaSuccess);
    CHECK(pinned[0] == 0);
    CHECK(cudaMemcpy(pinned, p, 12, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(p, pinned, 12, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(p, pinned, 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemset(pinned, 0, 12) == cudaErrorInvalidValue);
    CHECK(cudaFree(pinned) == cudaErrorInvalidValue);
    CHECK(cudaFree(p + 1) == cudaErrorInvalidValue);
    CHECK(cudaFreeHost(pinned) == cudaSuccess);
    CHECK(cudaFree(p) == cudaSuccess);
    CHECK(cudaFree(p) == cudaErrorInvalidValue);
    CHECK(cudaFree(nullptr) == cudaSuccess);
    CHECK(cudaMalloc(&p, total + 1) == cudaErrorMemoryAllocation);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
}

TEST_CASE("simt: streams and events", "[simt]") {
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr, end = nullptr;
    float milliseconds = -1;
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    CHECK(cudaEventCreate(&begin) == cudaSuccess);
    CHECK(cudaEventCreateWithFlags(&end, cudaEventDefault) == cudaSuccess);
    CHECK(cudaEventRecord(begin, stream) == cudaSuccess);
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaErrorInvalidResourceHandle);
    CHECK(cudaEventRecord(end, stream) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(stream, end) == cudaSuccess);
    CHECK(cudaEventSynchronize(end) == cudaSuccess);
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess);
    CHECK(milliseconds >= 0);
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    CHECK(cudaStreamQuery(stream) == cudaSuccess);
    void* p = nullptr;
    CHECK(cudaMallocAsync(&p, 4, stream) == cudaSuccess);
    CHECK(cudaMemsetAsync(p, 0, 4, stream) == cudaSuccess);
    CHECK(cudaFreeAsync(p, stream) == cudaSuccess);
    CHECK(cudaEventDestroy(begin) == cudaSuccess);
    CHECK(cudaEventDestroy(end) == cudaSuccess);
    CHECK(cudaStreamDestroy(stream) == cudaSuccess);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(cudaStreamDestroy(nullptr) == cudaErrorInvalidResourceHandle);
    CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
}
