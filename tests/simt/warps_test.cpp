// Shuffles and votes give what the hardware gives; a wrong mask is found.
#include "test_support.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

using namespace simt::test;
using Catch::Contains;

namespace kernels {

/// Sums the first `n` lanes of a warp, the only ones that come to the shuffle.
template <class T>
__global__ void partial_mask_kernel(int n, T* sum) {
    const int i = static_cast<int>(threadIdx.x);
    const unsigned mask = __ballot_sync(all_lanes, i < n);
    if (i >= n)
        return;
    T v = static_cast<T>(i + 1), total = 0;
    for (int lane = 0; lane < n; ++lane)
        total += __shfl_sync(mask, v, lane);
    sum[i] = total;
}

struct shuffled {
    int from, up, down, exchanged;
};

template <int Width>
__global__ void width_kernel(shuffled* to, int by) {
    const int i = static_cast<int>(threadIdx.x);
    const unsigned far = static_cast<unsigned>(by);
    to[i].from = __shfl_sync(all_lanes, i, by, Width);
    to[i].up = __shfl_up_sync(all_lanes, i, far, Width);
    to[i].down = __shfl_down_sync(all_lanes, i, far, Width);
    to[i].exchanged = __shfl_xor_sync(all_lanes, i, by, Width);
}

struct votes {
    unsigned ballot;
    int any, all, count, disjunction, conjunction;
};

template <class = void>
__global__ void vote_kernel(votes* to, int below) {
    const int i = static_cast<int>(threadIdx.x);
    votes v;
    v.ballot = __ballot_sync(all_lanes, i < below);
    v.any = __any_sync(all_lanes, i < below);
    v.all = __all_sync(all_lanes, i < below);
    v.count = __syncthreads_count(i < below);
    v.disjunction = __syncthreads_or(i < below);
    v.conjunction = __syncthreads_and(i < below);
    to[i] = v;
}

} // namespace kernels

TEST_CASE("simt: shuffles among some lanes of a warp", "[simt]") {
    in_every_order([] {
        for (const int n : {1, 10, 31, 32}) {
            const device_array<double> sums(static_cast<std::size_t>(n));
            launch(shape(1, 32), kernels::partial_mask_kernel<double>, n, sums.data());
            CHECK(sums.host() == std::vector<double>(std::size_t(n), n * (n + 1) / 2.0));
        }
    });
}

TEST_CASE("simt: shuffles in segments of a warp", "[simt]") {
    const auto check = [](auto width_kernel, int width, int by) {
        const device_array<kernels::shuffled> to(32);
        launch(shape(1, 32), width_kernel, to.data(), by);
        const auto found = to.host();
        for (int i = 0; i < 32; ++i) {
            const int first = i / width * width, last = first + width - 1;
            const auto& s = found[std::size_t(i)];
            CAPTURE(width, by, i);
            CHECK(s.from == first + by % width);
            CHECK(s.up == (i - by >= first ? i - by : i));
            CHECK(s.down == (i + by <= last ? i + by : i));
            CHECK(s.exchanged == ((i ^ by) <= last ? i ^ by : i));
        }
    };
    for (const int by : {0, 1, 5, 8, 31}) {
        check(kernels::width_kernel<1>, 1, by);
        check(kernels::width_kernel<8>, 8, by);
        check(kernels::width_kernel<16>, 16, by);
        check(kernels::width_kernel<32>, 32, by);
    }
}

TEST_CASE("simt: votes of a warp and of a block", "[simt]") {
    in_every_order([] {
        for (const int below : {0, 5, 40, 64}) {
            const device_array<kernels::votes> to(64);
            launch(shape(1, 64), kernels::vote_kernel<>, to.data(), below);
            const auto found = to.host();
            for (int i = 0; i < 64; ++i) {
                const int in_warp = std::clamp(below - i / 32 * 32, 0, 32);
                const auto& v = found[std::size_t(i)];
                CHECK(v.ballot == (in_warp == 32 ? ~0u : (1u << in_warp) - 1));
                CHECK(v.any == (in_warp > 0));
                CHECK(v.all == (in_warp == 32));
                CHECK(v.count == below);
                CHECK(v.disjunction == (below > 0));
                CHECK(v.conjunction == (below == 64));
            }
        }
    });
}

// Planted bugs

namespace kernels {

template <class = void>
__global__ void outside_mask_kernel(float* to) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < 16)
        to[i] = __shfl_sync(0x0000ffffu, 1.0f, i == 3 ? 20 : i);
}

template <class = void>
__global__ void not_in_own_mask_kernel() {
    __syncwarp(0x0000ffffu);
}

template <class = void>
__global__ void returned_lane_kernel(int first) {
    if (static_cast<int>(threadIdx.x) == first)
        return;
    __syncwarp();
}

template <class = void>
__global__ void missing_lane_kernel() {
    __ballot_sync(all_lanes, 1);
}

template <class = void>
__global__ void two_places_kernel(float* to) {
    const int i = static_cast<int>(threadIdx.x);
    float v = 1;
    if (i % 2 == 0)
        v = __shfl_xor_sync(all_lanes, v, 2);
    else
        v = __shfl_xor_sync(all_lanes, v, 2);
    to[i] = v;
}

template <class = void>
__global__ void bad_width_kernel(int width, int far) {
    __shfl_down_sync(all_lanes, 1, static_cast<unsigned>(far), width);
}

} // namespace kernels

TEST_CASE("simt: a shuffle from outside of its mask", "[simt]") {
    in_every_order([] {
        const device_array<float> to(16);
        const std::string said = complaint(shape(1, 32), kernels::outside_mask_kernel<>, to.data());
        CHECK_THAT(said, Contains("mask 0x0000ffff lacks lane 20, which is read: thread (3, 0, 0) "
                                  "of block (0, 0, 0) in __shfl_sync at "));
        CHECK_THAT(said, Contains("warps_test.cpp:"));
        CHECK(std::isnan(to.host()[3]));
        CHECK(to.host()[4] == 1);
    });
}

TEST_CASE("simt: a lane that its own mask lacks", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 32), kernels::not_in_own_mask_kernel<>),
                   Contains("mask 0x0000ffff lacks the lane that calls: thread (") &&
                       Contains("in __syncwarp at ") && Contains("warps_test.cpp:"));
    });
}

TEST_CASE("simt: a mask that names a returned lane", "[simt]") {
    in_every_order([] {
        for (const int lane : {0, 31})
            CHECK_THAT(complaint(shape(1, 32), kernels::returned_lane_kernel<>, lane),
                       Contains("names a lane that") && Contains("warps_test.cpp:"));
        CHECK(complaint(shape(1, 32), kernels::returned_lane_kernel<>, -1).empty());
    });
}

TEST_CASE("simt: a mask that names a lane beyond the block", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 48), kernels::missing_lane_kernel<>),
                   Contains("names a lane that does not exist"));
    });
}

TEST_CASE("simt: lanes of one mask at different places", "[simt]") {
    in_every_order([] {
        const device_array<float> to(32);
        const std::string said = complaint(shape(1, 32), kernels::two_places_kernel<>, to.data());
        CHECK_THAT(said, Contains("lanes of one mask at different places: thread (0, 0, 0)"));
        CHECK_THAT(said, Contains("; thread (1, 0, 0)"));
    });
}

TEST_CASE("simt: shuffles too wide and too far", "[simt]") {
    CHECK(complaint(shape(1, 32), kernels::bad_width_kernel<>, 16, 1).empty());
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 24, 1), Contains("width"));
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 64, 1), Contains("width"));
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 32, 32), Contains("31 lanes"));
}
