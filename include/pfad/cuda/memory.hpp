// Where pools get their blocks from: memory of a GPU, and pinned memory of the host.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/cuda/check.hpp>

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <new>
#include <string_view>

namespace pfad::cuda {

namespace detail {

/// std::bad_alloc where there is no memory, which a pool has an answer to; else as check().
inline void check_allocation(cudaError_t status, std::string_view subject) {
    if (status == cudaErrorMemoryAllocation) {
        static_cast<void>(cudaGetLastError());
        throw std::bad_alloc();
    }
    check(status, subject);
}

} // namespace detail

/// Memory of the GPU that is current where this is made. A block that is given back waits until the
/// GPU is idle. Neither happens in a thread that captures: CUDA refuses.
class device_memory final : public std::pmr::memory_resource {
public:
    device_memory() { check(cudaGetDevice(&device_), "cuda: memory of the GPU"); }

private:
    void* do_allocate(std::size_t bytes, std::size_t) override {
        void* block = nullptr;
        check(cudaSetDevice(device_), "cuda: memory of the GPU");
        detail::check_allocation(cudaMalloc(&block, bytes), "cuda: memory of the GPU");
        return block;
    }
    void do_deallocate(void* block, std::size_t, std::size_t) override { discard(cudaFree(block)); }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    int device_ = 0;
};

/// Memory of the host that the GPU reads and writes by itself, the current one where this is made,
/// so that a copy does not hold up the host. Slow to get: use it through a pool. The pool knows
/// nothing of streams: who queues a copy keeps the memory until it is done.
class pinned_memory final : public std::pmr::memory_resource {
public:
    pinned_memory() { check(cudaGetDevice(&device_), "cuda: pinned memory"); }

private:
    void* do_allocate(std::size_t bytes, std::size_t) override {
        void* block = nullptr;
        check(cudaSetDevice(device_), "cuda: pinned memory");
        detail::check_allocation(cudaMallocHost(&block, bytes), "cuda: pinned memory");
        return block;
    }
    void do_deallocate(void* block, std::size_t, std::size_t) override {
        discard(cudaFreeHost(block));
    }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    int device_ = 0;
};

/// A pool of the current GPU's memory.
[[nodiscard]] inline std::shared_ptr<pool> device_pool() {
    return std::make_shared<pool>(std::make_shared<device_memory>(), "on the GPU");
}

/// For a context of the host whose tensors go to the GPU: `host.memory = pinned_pool()`.
[[nodiscard]] inline std::shared_ptr<pool> pinned_pool() {
    return std::make_shared<pool>(std::make_shared<pinned_memory>(), "of pinned memory");
}

} // namespace pfad::cuda
