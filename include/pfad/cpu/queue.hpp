// What a backend whose work is queued does to keep its device busy, on the host, where work is done
// when its function returns: nothing. Networks and trainers call these by the context's type.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace pfad::cpu {

/// A step that will be run often, on the same tensors each time. A GPU records its launches.
template <class F>
[[nodiscard]] F repeated(context&, F step) {
    return step;
}

/// Small results on their way to the host, first in, first out. Here there is always one at most.
class ring {
public:
    [[nodiscard]] bool full() const { return filled_; }
    [[nodiscard]] bool empty() const { return !filled_; }

    void push(context&, in<float, 1> values) {
        expect(!filled_, "ring", "there is room");
        values_.assign(values.data, values.data + values.size());
        filled_ = true;
    }
    /// The oldest. They stay until the next push.
    [[nodiscard]] const std::vector<float>& pop() {
        expect(filled_, "ring", "there is something to take");
        filled_ = false;
        return values_;
    }

private:
    std::vector<float> values_;
    bool filled_ = false;
};

/// A ring for results of `width` values.
[[nodiscard]] inline ring make_ring(context&, [[maybe_unused]] int width) {
    return {};
}

/// Host memory that the device reads fast.
[[nodiscard]] inline std::shared_ptr<pool> staging_memory(context& ctx) {
    return ctx.memory;
}

} // namespace pfad::cpu
