// Where GPU work runs: one device, one stream, one pool. Passed by reference to every op; never
// global.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/core/space.hpp>
#include <pfad/cuda/check.hpp>
#include <pfad/cuda/memory.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace pfad::cuda {

namespace detail {

struct destroy {
    void operator()(cudaStream_t stream) const { discard(cudaStreamDestroy(stream)); }
    void operator()(cudaEvent_t event) const { discard(cudaEventDestroy(event)); }
};

} // namespace detail

/// Owns an event that only orders work. Throws errc::backend.
using event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, detail::destroy>;

/// An event without a time. Throws errc::backend.
[[nodiscard]] inline event make_event() {
    cudaEvent_t made = nullptr;
    check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cuda: an event");
    return event(made);
}

class fixed_networks;

/// The hand-written kernels on one stream of one GPU. Work is queued in order and returns at once;
/// `synchronise` waits for it. A block that is freed is handed out again at once, which is safe
/// because its next user runs on the same stream.
struct context {
    using space = gpu;

    /// Throws errc::unsupported where there is no GPU of this number, or no driver that serves it.
    explicit context(int device = 0) : device_(device) {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status != cudaSuccess) {
            static_cast<void>(cudaGetLastError());
            fail(errc::unsupported, "cuda: no GPU can be used here: " + reason(status));
        }
        if (device < 0 || device >= count)
            fail(errc::unsupported, "cuda: there is no GPU " + std::to_string(device) + ", only " +
                                        std::to_string(count) + " in all");
        make_current("cuda: GPU " + std::to_string(device));
        check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
              "cuda: GPU " + std::to_string(device));
        cudaStream_t made = nullptr;
        check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cuda: a stream");
        stream_.reset(made);
        progress_ = make_event();
        memory = device_pool();
    }

    /// Where work is queued.
    [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
    /// Number of the GPU.
    [[nodiscard]] int device() const { return device_; }
    /// What this thread starts goes to the context's GPU, which CUDA wants to hear in each thread;
    /// `what` is started, for error messages.
    void make_current(std::string_view what) const { check(cudaSetDevice(device_), what); }
    /// For wait_for.
    [[nodiscard]] cudaEvent_t progress() const { return progress_.get(); }

    /// Where a second branch runs (see fork): a context on the same GPU, with a stream and a pool
    /// of its own. Made when it is first asked for.
    [[nodiscard]] context& side() {
        if (!side_)
            side_ = std::make_unique<context>(device_);
        side_->fixed = fixed;
        return *side_;
    }
    /// Whether side() was called.
    [[nodiscard]] bool has_side() const { return side_ != nullptr; }

    /// Pinned memory of the host for copies to and from the GPU. Made when it is first asked for.
    [[nodiscard]] const std::shared_ptr<pool>& staging() {
        if (!staging_) {
            make_current("cuda: pinned memory");
            staging_ = pinned_pool();
        }
        return staging_;
    }

    std::shared_ptr<pool> memory; ///< of the GPU, where empty() takes from
    int multiprocessors = 1;      ///< of the GPU
    /// Where convolutions of networks in evaluation find their batch norm folded in; null: nowhere.
    fixed_networks* fixed = nullptr;

private:
    [[nodiscard]] static std::string reason(cudaError_t status) {
        int served = 0, needed = 0;
        if (status != cudaErrorInsufficientDriver || cudaDriverGetVersion(&served) != cudaSuccess ||
            cudaRuntimeGetVersion(&needed) != cudaSuccess)
            return cudaGetErrorString(status);
        const auto text = [](int version) {
            return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
        };
        if (served == 0)
            return "there is no driver";
        return "the driver serves CUDA up to " + text(served) + ", this program needs " +
               text(needed);
    }

    int device_;
    std::unique_ptr<std::remove_pointer_t<cudaStream_t>, detail::destroy> stream_;
    event progress_;
    std::unique_ptr<context> side_;
    std::shared_ptr<pool> staging_;
};

/// Waits until everything that was queued is done.
inline void synchronise(context& ctx) {
    check(cudaStreamSynchronize(ctx.stream()), "cuda: waiting for the stream");
}

/// What is queued on `later` from now on runs after everything that was queued on `earlier`. The
/// host does not wait.
inline void wait_for(context& later, context& earlier) {
    check(cudaEventRecord(earlier.progress(), earlier.stream()), "cuda: an event");
    check(cudaStreamWaitEvent(later.stream(), earlier.progress(), 0), "cuda: a stream's wait");
}

// Between fork(ctx) and join(ctx) work on ctx.side() may run beside work on ctx. Each has a pool of
// its own, because a pool hands out freed blocks at once: with one for both, a block that the side
// has just given up would be written by ctx while the side's kernels are still at it. With two
// - a block comes back to the stream that had it, where work is in order;
// - fork orders what the side does with its blocks behind what ctx has read of them before, join
//   the other way round.
// What is left to the caller: what ctx made and the side reads stays until join; what the side
// made, ctx reads after join and gives up before the next work on the side, or after it is queued.

/// The side of a context, which waits for what is queued on the context so far.
template <std::derived_from<context> C>
C& fork(C& ctx) {
    C& side = ctx.side();
    wait_for(side, ctx);
    return side;
}

/// The context waits for its side.
template <std::derived_from<context> C>
void join(C& ctx) {
    wait_for(ctx, ctx.side());
}

} // namespace pfad::cuda
