// top_k_mean: a block a map finds the k-th highest pixel digit by digit (radix select), gathers
// what is above it, sorts that and adds it up in falling order, so that neither the pixels' order
// nor the threads' changes a bit. 16 bytes a thread. Bytes: 1 x from memory; the passes after the
// first (4 and the gathering; 8 in double) read what a cache holds, maps of a batch at once.
#pragma once

#include <pfad/core/math.hpp>
#include <pfad/device/row.cuh>
#include <pfad/device/sum.cuh>
#include <pfad/ops/top_k_mean.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace pfad::cuda {

namespace device {

/// The bits of a number as an integer that rises with it.
__device__ __forceinline__ std::uint32_t rising_bits(float x) {
    const auto u = math::bits<std::uint32_t>(x);
    return u ^ (u >> 31 ? 0xffffffffu : 0x80000000u);
}
/// Bits of x that rise with it as an unsigned number.
__device__ __forceinline__ std::uint64_t rising_bits(double x) {
    const auto u = math::bits<std::uint64_t>(x);
    return u ^ (u >> 63 ? ~std::uint64_t(0) : std::uint64_t(1) << 63);
}
/// The number with these rising bits.
__device__ __forceinline__ float from_rising_bits(std::uint32_t u) {
    return math::bits<float>(u ^ (u >> 31 ? 0x80000000u : 0xffffffffu));
}
/// The number with these rising bits.
__device__ __forceinline__ double from_rising_bits(std::uint64_t u) {
    return math::bits<double>(u ^ (u >> 63 ? std::uint64_t(1) << 63 : ~std::uint64_t(0)));
}

} // namespace device

namespace kernels {

inline constexpr int top_k_threads = 1024;

/// As many values are sorted in shared memory, more in the launch's scratch.
inline constexpr int top_k_shared = 1024;

struct top_k_counts_tag;
struct top_k_state_tag;
struct top_k_values_tag;
struct top_k_sum_tag;

/// Geometry: a block a map. V elements at a time; `wide`: V divides the pixels and all is aligned.
/// A NaN in a map makes its score one.
template <int V, class T>
__global__ void __launch_bounds__(top_k_threads, 1)
    top_k_mean_kernel(std::int64_t pixels,
                      std::int64_t top,
                      bool wide,
                      const T* map,              // (n, pixels)
                      accumulator_t<T>* scratch, // (n, top), null where top <= top_k_shared
                      T* score) {                // (n)
    using A = accumulator_t<T>;
    using bits = std::conditional_t<sizeof(A) == 8, std::uint64_t, std::uint32_t>;
    unsigned* const counts = device::shared_array<unsigned, 256, top_k_counts_tag>();
    // The digit, how many elements it leaves to take, how many are gathered, whether there is a
    // NaN.
    unsigned* const state = device::shared_array<unsigned, 4, top_k_state_tag>();
    A* const nearby = device::shared_array<A, top_k_shared, top_k_values_tag>();

    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
    const T* const x = map + blockIdx.x * pixels;
    const std::int64_t step = std::int64_t(top_k_threads) * V;
    if (thread == 0) {
        state[1] = static_cast<unsigned>(top);
        state[2] = 0;
        state[3] = 0;
    }

    // The bits of the k-th highest, from the highest digit on; `left` elements that begin as it
    // does are among the k.
    bits found = 0;
    unsigned left = static_cast<unsigned>(top);
    bool not_number = false;
    for (int shift = static_cast<int>(8 * sizeof(A)) - 8; shift >= 0; shift -= 8) {
        if (thread < 256)
            counts[thread] = 0;
        __syncthreads();
        for (std::int64_t start = 0; start < pixels; start += step) {
            const std::int64_t i = start + thread * V;
            A v[V];
            device::load_row<V>(x, i, pixels, wide, v);
#pragma unroll
            for (int k = 0; k < V; ++k) {
                not_number = not_number || v[k] != v[k];
                const bits b = device::rising_bits(v[k]);
                // What is above the digit, in two shifts: one by all of the bits is not defined.
                const bool counted = i + k < pixels && (b >> shift >> 8) == (found >> shift >> 8);
                const unsigned digit = static_cast<unsigned>(b >> shift & 255);
                // Most pixels of a score map share their first digit: one lane counts for all that
                // agree with the first lane, instead of 32 lanes queueing.
                const unsigned common = __shfl_sync(0xffffffffu, digit, 0);
                const unsigned agree = __ballot_sync(0xffffffffu, counted && digit == common);
                if (lane == 0 && agree != 0)
                    atomicAdd(counts + common, static_cast<unsigned>(__popc(agree)));
                if (counted && digit != common)
                    atomicAdd(counts + digit, 1u);
            }
        }
        if (not_number)
            atomicMax(state + 3, 1u);
        __syncthreads();
        // The digit of the k-th highest: lane l of the first warp has the digits 255 - 8 l and
        // down.
        if (thread < 32) {
            unsigned mine = 0;
            for (int d = 0; d < 8; ++d)
                mine += counts[255 - 8 * lane - d];
            unsigned through = mine;
            for (unsigned distance = 1; distance < 32; distance *= 2) {
                const unsigned other = __shfl_up_sync(0xffffffffu, through, distance);
                if (lane >= static_cast<int>(distance))
                    through += other;
            }
            unsigned above = through - mine;
            if (above < left && left <= through) {
                int d = 255 - 8 * lane;
                while (above + counts[d] < left)
                    above += counts[d--];
                state[0] = static_cast<unsigned>(d);
                state[1] = left - above;
            }
        }
        __syncthreads();
        found |= static_cast<bits>(state[0]) << shift;
        left = state[1];
        if (state[3] != 0)
            break;
    }
    // Uniform: every thread read it after the same barrier.
    if (state[3] != 0) {
        if (thread == 0)
            score[blockIdx.x] = static_cast<T>(static_cast<A>(NAN));
        return;
    }

    // What is above the k-th highest, in any order.
    const std::int64_t above = top - left;
    A* const values = above <= top_k_shared ? nearby : scratch + blockIdx.x * top;
    for (std::int64_t i = std::int64_t(thread) * V; i < pixels; i += step) {
        A v[V];
        device::load_row<V>(x, i, pixels, wide, v);
#pragma unroll
        for (int k = 0; k < V; ++k)
            if (i + k < pixels && device::rising_bits(v[k]) > found)
                values[atomicAdd(state + 2, 1u)] = v[k];
    }
    __syncthreads();

    // A bitonic network in which every exchange moves the higher value down: what lies beyond the
    // end would never move, so that any length will do.
    for (std::int64_t size = 2; size < 2 * above; size *= 2)
        for (std::int64_t distance = size / 2; distance > 0; distance /= 2) {
            for (std::int64_t i = thread; i < above; i += top_k_threads) {
                const std::int64_t j = distance == size / 2 ? i ^ (size - 1) : i ^ distance;
                if (j > i && j < above && values[j] > values[i]) {
                    const A lower = values[i];
                    values[i] = values[j];
                    values[j] = lower;
                }
            }
            __syncthreads();
        }

    double sum[1] = {};
    for (std::int64_t i = thread; i < above; i += top_k_threads)
        sum[0] += static_cast<double>(values[i]);
    device::block_sum<1, top_k_threads / 32, top_k_sum_tag>(sum);
    if (thread == 0) {
        sum[0] += static_cast<double>(left) * static_cast<double>(device::from_rising_bits(found));
        score[blockIdx.x] = static_cast<T>(static_cast<A>(sum[0] / static_cast<double>(top)));
    }
}

} // namespace kernels

template <class T>
void top_k_mean_forward(context& ctx, in<T, 4> map, int k, out<T, 1> score) {
    using A = accumulator_t<T>;
    constexpr int n = device::full_pack<T>;
    const std::int64_t pixels = map.extent(1) * map.extent(2);
    const std::int64_t top = k < pixels ? k : pixels;
    expect(pixels <= std::numeric_limits<std::uint32_t>::max(), "top_k_mean",
           "a map has fewer than 2^32 pixels", map.dims);
    const bool apart = top > kernels::top_k_shared;
    const auto scratch = empty<A>(ctx, shape<1>{{apart ? score.size() * top : 0}});
    launch(ctx, "top_k_mean_forward", {static_cast<unsigned>(score.size()), kernels::top_k_threads},
           kernels::top_k_mean_kernel<n, T>, pixels, top,
           pixels % n == 0 && device::aligned<n>(map.data), map.data, scratch.data(), score.data);
}

} // namespace pfad::cuda
