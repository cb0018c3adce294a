// Barriers order what they should; a kernel that breaks their rules is stopped. What only the
// sanitizers see is in planted.cpp.
#include "test_support.hpp"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

using namespace simt::test;
using Catch::Contains;

namespace kernels {

/// Half warps work for themselves, and the lanes of the two meet in between.
template <class = void>
__global__ void half_warps_kernel(int* to) {
    int* const v = simt::static_shared<int, 32, values>();
    const int i = static_cast<int>(threadIdx.x);
    v[i] = i;
    if (i < 16) {
        __syncwarp(0x0000ffffu);
        to[i] = v[15 - i];
    } else {
        __syncwarp(0xffff0000u);
        to[i] = v[47 - i];
    }
    __syncwarp();
    if (i == 0)
        to[32] = v[31];
}

} // namespace kernels

TEST_CASE("simt: a block sums with shuffles and shared memory", "[simt]") {
    const std::vector<float> x = numbers(3000);
    const float expected = std::accumulate(x.begin(), x.end(), 0.0f);
    in_every_order([&] { CHECK(sum_of<true>(x) == expected); });
}

TEST_CASE("simt: a barrier of each half warp", "[simt]") {
    in_every_order([] {
        const device_array<int> to(33);
        launch(shape(1, 32), kernels::half_warps_kernel<>, to.data());
        const auto found = to.host();
        for (int i = 0; i < 32; ++i)
            CHECK(found[std::size_t(i)] == (i < 16 ? 15 - i : 47 - i));
        CHECK(found[32] == 31);
    });
}

// Planted bugs

namespace kernels {

template <class = void>
__global__ void divergent_barrier_kernel() {
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}

template <class = void>
__global__ void early_return_kernel(int n) {
    if (static_cast<int>(threadIdx.x) >= n)
        return;
    __syncthreads();
}

/// The two lanes wait for each other in rounds of different masks.
template <class = void>
__global__ void deadlock_kernel() {
    if (threadIdx.x == 0)
        __syncwarp(0x3u);
    if (threadIdx.x == 1)
        __syncwarp(0x7u);
    if (threadIdx.x == 2)
        __syncwarp(0x6u);
}

/// One warp at the barrier of the block, one lane of the other in a warp function.
template <class = void>
__global__ void warp_or_block_kernel() {
    if (threadIdx.x == 40)
        __syncwarp(1u << 8 | 1u << 9);
    else
        __syncthreads();
}

} // namespace kernels

#ifndef __SANITIZE_THREAD__ // which would report the race, and end the program
TEST_CASE("simt: every seed finds a missing barrier", "[simt]") {
    const std::vector<float> x = numbers(3000);
    const float expected = std::accumulate(x.begin(), x.end(), 0.0f);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const chosen scope(simt::order::seeded_random, seed);
        const float found = sum_of<false>(x);
        CAPTURE(seed, found);
        CHECK(found != expected);
        CHECK(sum_of<true>(x) == expected);
    }
}
#endif

TEST_CASE("simt: a divergent barrier", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 64), kernels::divergent_barrier_kernel<>),
                   Contains("divergent barrier: thread (") && Contains("in __syncthreads at "));
    });
}

TEST_CASE("simt: a thread that returns before a barrier", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(2, 64), kernels::early_return_kernel<>, 63),
                   Contains("barrier without all threads: thread (63, 0, 0)"));
        CHECK(complaint(shape(2, 64), kernels::early_return_kernel<>, 64).empty());
    });
}

TEST_CASE("simt: deadlock", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 3), kernels::deadlock_kernel<>),
                   Contains("deadlock, no thread can go on; thread (0, 0, 0)") &&
                       Contains("mask 0x00000003") && Contains("mask 0x00000006"));
        CHECK_THAT(complaint(shape(1, 64), kernels::warp_or_block_kernel<>),
                   Contains("deadlock") && Contains("__syncthreads") && Contains("__syncwarp"));
    });
}
