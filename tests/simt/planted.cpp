// Kernels with a bug that only a sanitizer sees. `simt_planted NAME` runs the one of that name,
// `simt_planted clean` runs all of them without their bugs. planted.sh expects a report that names
// the line with the comment "planted: NAME".
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

struct fixed;

// Accesses out of bounds reach one element too far.

template <bool Bug>
__global__ void global_load(const float* x, float* y) {
    y[threadIdx.x] = x[threadIdx.x + (Bug ? 1 : 0)]; // planted: global_load
}

template <bool Bug>
__global__ void global_store(const float* x, float* y) {
    y[threadIdx.x + (Bug ? 1 : 0)] = x[threadIdx.x]; // planted: global_store
}

template <bool Bug>
__global__ void static_load(const float*, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    s[threadIdx.x] = 1;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x + (Bug ? 1 : 0)]; // planted: static_load
}

template <bool Bug>
__global__ void static_store(const float*, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    s[threadIdx.x + (Bug ? 1 : 0)] = 1; // planted: static_store
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}

template <bool Bug>
__global__ void dynamic_load(const float*, float* y) {
    float* const s = simt::dynamic_shared<float>();
    s[threadIdx.x] = 1;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x + (Bug ? 1 : 0)]; // planted: dynamic_load
}

template <bool Bug>
__global__ void dynamic_store(const float*, float* y) {
    float* const s = simt::dynamic_shared<float>();
    s[threadIdx.x + (Bug ? 1 : 0)] = 1; // planted: dynamic_store
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}

/// Local memory ends too.
template <bool Bug>
__global__ void local_store(const float* x, float* y) {
    volatile float v[4] = {1, 2, 3, 4};
    v[static_cast<int>(x[0]) + (Bug ? 4 : 3)] = 5; // planted: local_store
    y[threadIdx.x] = v[0];
}

/// Four floats at once from an address that is a multiple of four bytes alone.
template <bool Bug>
__global__ void misaligned(const float* x, float* y) {
    const float* const from = x + (Bug ? 1 : 4);
    const float4 v = *reinterpret_cast<const float4*>(from); // planted: misaligned
    y[threadIdx.x] = v.x;
}

/// A neighbour's value without a barrier.
template <bool Bug>
__global__ void missing_barrier(const float* x, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    s[threadIdx.x] = x[threadIdx.x];
    if constexpr (!Bug)
        __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x]; // planted: missing_barrier
}

/// A second round that writes what others may still read.
template <bool Bug>
__global__ void missing_second_barrier(const float* x, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    float sum = 0;
    for (int round = 0; round < 3; ++round) {
        s[threadIdx.x] = x[threadIdx.x]; // planted: missing_second_barrier
        __syncthreads();
        sum += s[63 - threadIdx.x];
        if constexpr (!Bug)
            __syncthreads();
    }
    y[threadIdx.x] = sum;
}

/// A shuffle lets the lanes meet and orders no memory.
template <bool Bug>
__global__ void shuffle_is_no_barrier(const float* x, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    s[threadIdx.x] = x[threadIdx.x];
    if constexpr (Bug)
        __shfl_xor_sync(0xffffffffu, 1, 1);
    else
        __syncwarp();
    y[threadIdx.x] = s[threadIdx.x ^ 1]; // planted: shuffle_is_no_barrier
}

/// The barrier of one half of the warp is none for the other.
template <bool Bug>
__global__ void half_barrier(const float* x, float* y) {
    float* const s = simt::static_shared<float, 64, fixed>();
    s[threadIdx.x] = x[threadIdx.x];
    if constexpr (Bug)
        __syncwarp(threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
    else
        __syncwarp();
    y[threadIdx.x] = s[threadIdx.x ^ 16]; // planted: half_barrier
}

/// All blocks add to one number.
template <bool Bug>
__global__ void blocks_add(const float*, float* y) {
    if (threadIdx.x != 0)
        return;
    if constexpr (Bug)
        y[0] += 1; // planted: blocks_add
    else
        atomicAdd(y, 1.0f);
}

/// A block reads what the block before has written: barriers order the threads of one block alone.
template <bool Bug>
__global__ void block_reads_block(const float*, float* y) {
    const unsigned from = Bug ? (blockIdx.x + 1) % gridDim.x : blockIdx.x;
    if (threadIdx.x == 9)
        y[blockIdx.x * 2] = 1;
    __syncthreads();
    if (threadIdx.x == 5)
        y[blockIdx.x * 2 + 1] = y[from * 2]; // planted: block_reads_block
    __syncthreads();
}

constexpr unsigned count = 64, blocks = 3;

/// A bug: the kernel with and without it. It starts with both arrays full of zeros.
struct planted {
    const char* name;
    void (*with)(const float*, float*);
    void (*without)(const float*, float*);
};

#define PLANTED(kernel)                                                                            \
    { #kernel, kernel < true>, kernel < false> }

constexpr planted every_bug[] = {
    PLANTED(global_load),     PLANTED(global_store),
    PLANTED(static_load),     PLANTED(static_store),
    PLANTED(dynamic_load),    PLANTED(dynamic_store),
    PLANTED(local_store),     PLANTED(misaligned),
    PLANTED(missing_barrier), PLANTED(missing_second_barrier),
    PLANTED(half_barrier),    PLANTED(shuffle_is_no_barrier),
    PLANTED(blocks_add),      PLANTED(block_reads_block),
};

bool across_blocks(const planted& p) {
    return std::strncmp(p.name, "block", 5) == 0;
}

void run(const planted& p, bool bug) {
    float *x = nullptr, *y = nullptr;
    cudaMalloc(&x, count * sizeof(float));
    cudaMalloc(&y, count * sizeof(float));
    cudaMemset(x, 0, count * sizeof(float));
    cudaMemset(y, 0, count * sizeof(float));
    cudaLaunchConfig_t config = {};
    config.gridDim = across_blocks(p) ? blocks : 1;
    config.blockDim = count;
    config.dynamicSmemBytes = count * sizeof(float);
    // The second launch uses what the first has written.
    for (int launch = 0; launch < 2; ++launch)
        if (cudaLaunchKernelEx(&config, bug ? p.with : p.without, x, y) != cudaSuccess)
            std::printf("%s: %s\n", p.name, cudaGetErrorString(cudaGetLastError()));
    float first = 0;
    cudaMemcpy(&first, y, sizeof first, cudaMemcpyDeviceToHost);
    std::printf("%s %s: %g\n", p.name, bug ? "with its bug" : "clean", static_cast<double>(first));
    cudaFree(x);
    cudaFree(y);
}

} // namespace

int main(int argc, char** argv) {
    const char* const wanted = argc == 2 ? argv[1] : "";
    const bool clean = std::strcmp(wanted, "clean") == 0;
    bool found = false;
    try {
        for (const planted& p : every_bug)
            if (clean || std::strcmp(wanted, p.name) == 0) {
                run(p, !clean);
                found = true;
            }
    } catch (const std::exception& e) {
        std::printf("%s\n", e.what());
        return 1;
    }
    if (!found) {
        std::printf("usage: simt_planted clean|NAME\n");
        return 2;
    }
    return 0;
}
