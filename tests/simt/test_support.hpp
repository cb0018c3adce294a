// What the tests of the emulator share: orders, memory on the device, launches, and the kernels
// that more than one of them runs.
#pragma once

#include "support/catch.hpp"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace kernels {

struct partial_sums;
struct values;

constexpr unsigned all_lanes = 0xffffffffu;

template <class T>
__device__ T warp_sum(T v) {
    for (int far = 16; far > 0; far /= 2)
        v += __shfl_xor_sync(all_lanes, v, far);
    return v;
}

/// Without `Barrier` the second phase reads sums that are not there yet.
template <bool Barrier>
__device__ float block_sum(float v) {
    float* const sums = simt::static_shared<float, 32, partial_sums>();
    const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
    v = warp_sum(v);
    if (lane == 0)
        sums[warp] = v;
    if constexpr (Barrier)
        __syncthreads();
    v = lane < static_cast<int>(blockDim.x / 32) ? sums[lane] : 0;
    return warp_sum(v);
}

template <bool Barrier>
__global__ void __launch_bounds__(256) sum_kernel(const float* x, int n, float* sum) {
    const int step = static_cast<int>(gridDim.x * blockDim.x);
    float v = 0;
    for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += step)
        v += x[i];
    v = block_sum<Barrier>(v);
    if (threadIdx.x == 0)
        atomicAdd(sum, v);
}

template <class = void>
__global__ void throw_kernel(int thread) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) == thread)
        throw std::logic_error("not today");
    __syncthreads();
}

} // namespace kernels

namespace simt::test {

/// Chooses an order for the rest of the scope.
struct chosen {
    simt::settings before = simt::options();
    explicit chosen(simt::order order, std::uint64_t seed = 1) {
        simt::options().order = order;
        simt::options().seed = seed;
    }
    chosen(const chosen&) = delete;
    chosen& operator=(const chosen&) = delete;
    ~chosen() { simt::options() = before; }
};

/// Memory on the device that starts as 0xFF, or with values.
template <class T>
class device_array {
public:
    explicit device_array(std::size_t n) : n_(n) {
        REQUIRE(cudaMalloc(&p_, n * sizeof(T)) == cudaSuccess);
    }
    explicit device_array(const std::vector<T>& v) : device_array(v.size()) {
        REQUIRE(cudaMemcpy(p_, v.data(), n_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
    }
    device_array(const device_array&) = delete;
    device_array& operator=(const device_array&) = delete;
    ~device_array() { cudaFree(p_); }

    [[nodiscard]] T* data() const { return p_; }

    [[nodiscard]] std::vector<T> host() const {
        std::vector<T> v(n_);
        REQUIRE(cudaMemcpy(v.data(), p_, n_ * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
        return v;
    }

private:
    std::size_t n_;
    T* p_ = nullptr;
};

inline cudaLaunchConfig_t shape(dim3 grid, dim3 block, std::size_t shared = 0) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    return config;
}

template <class... P, class... A>
void launch(const cudaLaunchConfig_t& config, void (*kernel)(P...), A... arguments) {
    REQUIRE(cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess);
}

/// What the emulator says of a kernel; nothing if it finds no bug.
template <class... P, class... A>
std::string complaint(const cudaLaunchConfig_t& config, void (*kernel)(P...), A... arguments) {
    try {
        static_cast<void>(cudaLaunchKernelEx(&config, kernel, arguments...));
    } catch (const simt::error& e) {
        return e.what();
    }
    return "";
}

/// Calls f() in every order, with two seeds of the random one.
template <class F>
void in_every_order(const F& f) {
    for (const auto order : {simt::order::forward, simt::order::warp_greedy}) {
        const chosen scope(order);
        f();
    }
    for (const std::uint64_t seed : {1, 2}) {
        const chosen scope(simt::order::seeded_random, seed);
        f();
    }
}

inline std::vector<float> numbers(int n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
        x[static_cast<std::size_t>(i)] = static_cast<float>(i * 7919 % 97 - 48);
    return x;
}

template <bool Barrier>
float sum_of(const std::vector<float>& x) {
    const device_array<float> from(x), sum(std::vector<float>{0});
    launch(shape(3, 256), kernels::sum_kernel<Barrier>, from.data(), static_cast<int>(x.size()),
           sum.data());
    return sum.host()[0];
}

} // namespace simt::test
