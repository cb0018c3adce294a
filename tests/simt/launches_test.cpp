// What a launch runs, in which order, and what it refuses.
#include "test_support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

using namespace simt::test;
using Catch::Contains;

namespace kernels {

struct place {
    uint3 thread, block;
};

template <class = void>
__global__ void index_kernel(place* to) {
    const unsigned in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    to[block * blockDim.x * blockDim.y * blockDim.z + in_block] = {threadIdx, blockIdx};
}

template <class = void>
__global__ void order_kernel(int* count, int* to) {
    to[atomicAdd(count, 1)] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

struct few {
    int at[3];
};

template <class = void>
__global__ void arguments_kernel(few v, double d, const float* p, int* to) {
    v.at[0] += static_cast<int>(threadIdx.x); // a copy of its own
    __syncthreads();
    to[threadIdx.x] = v.at[0] + static_cast<int>(d) + (p == nullptr ? 1000 : 0);
}

template <class = void>
__global__ void nested_kernel(cudaLaunchConfig_t config) {
    static_cast<void>(cudaLaunchKernelEx(&config, throw_kernel<>, -1));
}

} // namespace kernels

TEST_CASE("simt: blocks and grids of three dimensions", "[simt]") {
    in_every_order([] {
        const dim3 grid(2, 3, 4), block(5, 2, 3);
        const device_array<kernels::place> to(24 * 30);
        launch(shape(grid, block), kernels::index_kernel<>, to.data());
        const auto found = to.host();
        bool right = true;
        for (unsigned i = 0; i < found.size(); ++i) {
            const unsigned t = i % 30, b = i / 30;
            const auto& p = found[i];
            right &= p.thread.x == t % 5 && p.thread.y == t / 5 % 2 && p.thread.z == t / 10;
            right &= p.block.x == b % 2 && p.block.y == b / 2 % 3 && p.block.z == b / 6;
        }
        CHECK(right);
    });
}

TEST_CASE("simt: the seed decides the order of threads and blocks", "[simt]") {
    const auto sequence = [](simt::order order, std::uint64_t seed) {
        const chosen scope(order, seed);
        const device_array<int> count(std::vector<int>{0}), to(4 * 64);
        launch(shape(4, 64), kernels::order_kernel<>, count.data(), to.data());
        return to.host();
    };
    std::vector<int> straight(4 * 64);
    std::iota(straight.begin(), straight.end(), 0);
    CHECK(sequence(simt::order::forward, 1) == straight);
    CHECK(sequence(simt::order::warp_greedy, 1) == straight);
    const auto one = sequence(simt::order::seeded_random, 1);
    CHECK(one == sequence(simt::order::seeded_random, 1));
    CHECK(one != sequence(simt::order::seeded_random, 2));
    CHECK(one != straight);
    CHECK(std::is_permutation(one.begin(), one.end(), straight.begin()));
}

TEST_CASE("simt: arguments are converted, and each thread has its own", "[simt]") {
    const device_array<int> to(3);
    launch(shape(1, 3), kernels::arguments_kernel<>, kernels::few{{7, 0, 0}}, 20, nullptr,
           to.data());
    CHECK(to.host() == std::vector<int>{1027, 1028, 1029});
}

TEST_CASE("simt: a kernel's exception comes out, and the next launch works", "[simt]") {
    in_every_order([] {
        const auto config = shape(2, 96);
        CHECK_THROWS_AS(cudaLaunchKernelEx(&config, kernels::throw_kernel<>, 70), std::logic_error);
        launch(config, kernels::throw_kernel<>, 96);
        CHECK(sum_of<true>({1, 2, 3}) == 6);
    });
}

TEST_CASE("simt: launches that the hardware refuses", "[simt]") {
    const auto status = [](const cudaLaunchConfig_t& config) {
        return cudaLaunchKernelEx(&config, kernels::throw_kernel<>, -1);
    };
    CHECK(status(shape(1, 1024)) == cudaSuccess);
    CHECK(status(shape(1, {16, 1, 64})) == cudaSuccess);
    CHECK(status(shape(1, 1025)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {32, 33})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {1, 1, 65})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {65536, 65536, 1})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, 0)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 65536}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 1, 65536}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(0x80000000u, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 0}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    CHECK(cudaGetLastError() == cudaSuccess);

    const auto limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
    CHECK(status(shape(1, 1, 48 * 1024)) == cudaSuccess);
    CHECK(status(shape(1, 1, 48 * 1024 + 1)) == cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(kernels::throw_kernel<>, limit, 227 * 1024) == cudaSuccess);
    CHECK(status(shape(1, 1, 227 * 1024)) == cudaSuccess);
    CHECK(status(shape(1, 1, 227 * 1024 + 1)) == cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(kernels::throw_kernel<>, limit, 228 * 1024) ==
          cudaErrorInvalidValue);
    cudaGetLastError();
}

TEST_CASE("simt: a kernel that launches, and kernels' functions outside", "[simt]") {
    CHECK_THAT(complaint(shape(1, 1), kernels::nested_kernel<>, shape(1, 1)),
               Contains("a kernel launches a kernel: thread (0, 0, 0)"));
    CHECK_THROWS_WITH(__syncthreads(), Contains("outside of a kernel"));
}
