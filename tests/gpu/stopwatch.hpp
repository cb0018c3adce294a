// The time that a GPU takes for what is queued.
#pragma once

#include <pfad/cuda/context.hpp>

#include <memory>
#include <type_traits>

namespace pfad::test {

/// Milliseconds of device time between start() and stop().
class stopwatch {
public:
    explicit stopwatch(cuda::context& ctx) : ctx_(ctx), begin_(make()), end_(make()) {}

    void start() { cuda::check(cudaEventRecord(begin_.get(), ctx_.stream()), "an event"); }
    [[nodiscard]] double stop() {
        cuda::check(cudaEventRecord(end_.get(), ctx_.stream()), "an event");
        cuda::check(cudaEventSynchronize(end_.get()), "an event");
        float passed = 0;
        cuda::check(cudaEventElapsedTime(&passed, begin_.get(), end_.get()), "an event");
        return static_cast<double>(passed);
    }

private:
    struct destroy {
        void operator()(cudaEvent_t event) const { cuda::discard(cudaEventDestroy(event)); }
    };
    using owned = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, destroy>;
    static owned make() {
        cudaEvent_t event = nullptr;
        cuda::check(cudaEventCreate(&event), "an event");
        return owned(event);
    }

    cuda::context& ctx_;
    owned begin_, end_;
};

} // namespace pfad::test
