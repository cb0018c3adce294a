// Where GPU work runs: one device, one stream, one pool. Passed by reference to every op; never
// global.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/core/space.hpp>
#include <pfad/cuda/check.hpp>

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>
#include <type_traits>

namespace pfad::cuda {

/// Device memory. Throws errc::backend, naming the size, where there is not enough.
class device_memory final : public std::pmr::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t) override {
        void* block = nullptr;
        check(cudaMalloc(&block, bytes), "cuda: " + std::to_string(bytes) + " bytes");
        return block;
    }
    void do_deallocate(void* block, std::size_t, std::size_t) override { discard(cudaFree(block)); }
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }
};

/// The hand-written kernels on one stream of one GPU. Work is queued in order and returns at once;
/// `synchronise` waits for it. A block that is freed is handed out again at once, which is safe
/// because its next user runs on the same stream.
struct context {
    using space = gpu;

    /// Throws errc::unsupported where there is no GPU of this number.
    explicit context(int device = 0) : device_(device) {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status != cudaSuccess) {
            static_cast<void>(cudaGetLastError());
            fail(errc::unsupported,
                 std::string("cuda: no GPU can be used here: ") + cudaGetErrorString(status));
        }
        if (device < 0 || device >= count)
            fail(errc::unsupported, "cuda: there is no GPU " + std::to_string(device) + ", only " +
                                        std::to_string(count) + " in all");
        check(cudaSetDevice(device), "cuda: GPU " + std::to_string(device));
        check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
              "cuda: GPU " + std::to_string(device));
        cudaStream_t made = nullptr;
        check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cuda: a stream");
        stream_.reset(made);
        memory = std::make_shared<pool>(std::make_shared<device_memory>());
    }

    [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
    [[nodiscard]] int device() const { return device_; }

    std::shared_ptr<pool> memory;
    int multiprocessors = 1;

private:
    struct destroy {
        void operator()(cudaStream_t stream) const { discard(cudaStreamDestroy(stream)); }
    };
    int device_;
    std::unique_ptr<std::remove_pointer_t<cudaStream_t>, destroy> stream_;
};

/// Waits until everything that was queued is done.
inline void synchronise(context& ctx) {
    check(cudaStreamSynchronize(ctx.stream()), "cuda: waiting for the stream");
}

} // namespace pfad::cuda
