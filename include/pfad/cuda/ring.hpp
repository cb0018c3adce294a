// Reading a few numbers of every step (its losses) without holding up the host.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cuda/context.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace pfad::cuda {

/// Copies under way from the GPU to pinned memory, first in, first out. Not for use in a captured
/// step, whose event would be part of the graph: push its result after it.
///
///     if (losses.full())
///         report(*losses.pop()); // waits, if the GPU is so far behind
///     step();
///     losses.push(ctx, loss);
class ring {
public:
    /// Room for `slots` copies of at most `floats` floats. Throws errc::memory.
    ring(int slots, std::int64_t floats) : floats_(floats) {
        expect(slots > 0 && floats > 0, "ring", "has at least one slot of one float");
        host_memory pinned(pinned_pool());
        memory_ = empty<float>(pinned, shape<2>{{slots, floats}});
        for (int i = 0; i < slots; ++i)
            slots_.push_back({0, make_event()});
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    /// Waits for the copies that are under way.
    ~ring() {
        for (; count_ > 0; drop())
            discard(cudaEventSynchronize(oldest().done.get()));
    }

    /// Whether the oldest numbers must be read before more are queued.
    [[nodiscard]] bool full() const { return count_ == slots_.size(); }

    /// Queues a copy of the elements. Throws errc::value where the ring is full, errc::shape where
    /// they are too many.
    template <int R>
    void push(context& ctx, const tensor<float, R, gpu>& from) {
        expect(!full(), "ring", "is popped when it is full");
        expect(from.size() <= floats_, "ring", "the elements fit into a slot", from.dims(),
               shape<1>{{floats_}});
        const std::size_t index = (first_ + count_) % slots_.size();
        slot& to = slots_[index];
        to.size = from.size();
        ctx.make_current("ring: a copy");
        check(cudaMemcpyAsync(at(index), from.data(),
                              static_cast<std::size_t>(to.size) * sizeof(float),
                              cudaMemcpyDeviceToHost, ctx.stream()),
              "ring: a copy");
        check(cudaEventRecord(to.done.get(), ctx.stream()), "ring: an event");
        ++count_;
    }

    /// The oldest elements, or nothing where there are none or they are not there yet. Waits for
    /// them where the ring is full; after synchronise(ctx) all are there.
    [[nodiscard]] std::optional<std::vector<float>> pop() {
        if (count_ == 0)
            return {};
        const cudaEvent_t done = oldest().done.get();
        const cudaError_t status = full() ? cudaEventSynchronize(done) : cudaEventQuery(done);
        if (status == cudaErrorNotReady) {
            static_cast<void>(cudaGetLastError());
            return {};
        }
        check(status, "ring: waiting for a copy");
        const float* const begin = at(first_);
        std::vector<float> result(begin, begin + oldest().size);
        drop();
        return result;
    }

private:
    struct slot {
        std::int64_t size;
        event done;
    };

    [[nodiscard]] slot& oldest() { return slots_[first_]; }
    void drop() {
        first_ = (first_ + 1) % slots_.size();
        --count_;
    }
    [[nodiscard]] float* at(std::size_t index) const {
        return memory_.data() + static_cast<std::int64_t>(index) * floats_;
    }

    std::int64_t floats_;
    tensor<float, 2, host> memory_;
    std::vector<slot> slots_;
    std::size_t first_ = 0, count_ = 0;
};

} // namespace pfad::cuda
