// Runs CUDA kernels on the CPU: every CUDA thread is a fiber, the blocks of a grid run one after
// the other on the thread that launches. Programs include cuda_runtime.h, which builds on this.
//
// A kernel that breaks a rule of CUDA is stopped with simt::error. The rules are those of the
// programming guide, taken strictly:
//   - every thread of a block comes to the same __syncthreads, and none has returned before;
//   - a warp function names lanes that exist and run, the caller among them, and all of them come
//     to the same call with the same mask;
//   - a shuffle reads from a lane that takes part;
//   - someone can go on.
// What no barrier orders may run in any order: simt::order picks one. Under ThreadSanitizer threads
// are ordered by __syncthreads, by __syncwarp (a shuffle or a vote orders no memory) and by the
// beginning and the end of a launch alone, so it finds races within a block and between blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <type_traits>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    constexpr operator uint3() const { return {x, y, z}; }
};

extern constinit thread_local uint3 threadIdx, blockIdx;
extern constinit thread_local dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace simt {

/// A bug in a kernel. The message names it, the thread and the places in the source.
struct error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Which of the threads that can run is next.
enum class order {
    seeded_random, // any of them; blocks in another order too: finds missing barriers
    warp_greedy,   // a warp as far as it can get, then the next
    forward,       // round and round, by their numbers
};

/// What a test may choose before a launch.
struct settings {
    simt::order order = simt::order::seeded_random; // of threads, blocks and the nodes of a graph
    std::uint64_t seed = 1;
    int multiprocessors = 4;
    bool device_present = true;
    // What goes wrong; the errors are numbers of CUDA's.
    std::size_t device_bytes = std::size_t(8) << 30;
    int driver_version = 13000;   // as cudaDriverGetVersion has it; 0: there is no driver
    int device_error = 0;         // what every call that needs the device answers
    int kernels_until_error = -1; // so many run, the next sets device_error to kernel_error
    int kernel_error = 719;
    int queries_until_done = 0; // so often an event that nobody waited for says "not ready"
};

[[nodiscard]] settings& options();

/// How often the host has waited for the device.
[[nodiscard]] std::size_t waits();

// What a block has and a grid may be, as on a GPU of compute capability 9.0.
inline constexpr std::size_t shared_static_limit = 48 * 1024;
inline constexpr std::size_t shared_limit = 227 * 1024;
inline constexpr unsigned threads_limit = 1024;

struct launch_shape {
    dim3 grid, block;
    std::size_t shared_bytes = 0;
};

/// Calls body(arguments) once for each thread of the grid.
void run(const launch_shape& shape, void (*body)(const void*), const void* arguments);

enum class operation : std::uint8_t {
    syncthreads,
    syncthreads_count,
    syncthreads_or,
    syncthreads_and,
    syncwarp,
    shfl,
    shfl_up,
    shfl_down,
    shfl_xor,
    ballot,
    any,
    all,
};

/// Waits for all threads of the block; the count, disjunction or conjunction of their predicates.
int block_barrier(operation what, bool predicate, std::source_location where);

/// Waits for the lanes of the mask; those of them whose predicate holds.
unsigned warp_vote(operation what, unsigned mask, bool predicate, std::source_location where);

/// Waits for the lanes of the mask; the bits of the lane that `by` and `width` tell.
std::uint64_t warp_shuffle(operation what,
                           unsigned mask,
                           std::uint64_t bits,
                           unsigned by,
                           int width,
                           std::source_location where);

/// The dynamic shared memory of the running block.
void* dynamic_shared_block();

/// The memory of one static shared array of the running block; the key tells it from others.
void* static_shared_block(const void* key, std::size_t bytes);

/// What a kernel would declare as extern __shared__ T name[].
template <class T>
[[nodiscard]] T* dynamic_shared() {
    static_assert(std::is_trivially_default_constructible_v<T>, "nobody constructs it");
    return static_cast<T*>(dynamic_shared_block());
}

/// Tells the instantiations of static_shared apart by its address.
template <class T, std::size_t N, class Tag>
inline char static_shared_key = 0;

/// What a kernel would declare as __shared__ T name[N].
template <class T, std::size_t N, class Tag>
[[nodiscard]] T* static_shared() {
    static_assert(std::is_trivially_default_constructible_v<T>, "nobody constructs it");
    return static_cast<T*>(static_shared_block(&static_shared_key<T, N, Tag>, N * sizeof(T)));
}

} // namespace simt
