// What keeps a device busy whose work is queued: steps that are recorded, results that are read
// later, memory that it reads fast. On the host work is done when its function returns, so there is
// next to nothing to do. Trainers and predictors call these by their context's type.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace pfad::cpu {

/// A promise that networks stay as they are, which a GPU makes use of.
struct fixed_networks {};

/// Of networks on this context.
[[nodiscard]] inline fixed_networks make_fixed_networks(context&) {
    return {};
}

/// A step that will be called often and works on the same tensors each time: a GPU records it. What
/// is promised is of the networks that it evaluates.
[[nodiscard]] inline std::function<void()>
repeated(context&, std::function<void()> step, fixed_networks) {
    return step;
}

/// A few numbers of every step on their way to the host, first in, first out: one step's at most.
class ring {
public:
    /// Whether the oldest numbers must be read before more are kept.
    [[nodiscard]] bool full() const { return values_.has_value(); }

    /// Throws errc::value where the ring is full.
    void push(context&, const tensor<float, 1>& from) {
        expect(!full(), "ring", "is popped when it is full");
        values_.emplace(from.data(), from.data() + from.size());
    }
    /// The oldest numbers, or nothing where there are none.
    [[nodiscard]] std::optional<std::vector<float>> pop() {
        auto oldest = std::move(values_);
        values_.reset();
        return oldest;
    }

private:
    std::optional<std::vector<float>> values_;
};

/// A ring for `floats` numbers a step.
[[nodiscard]] inline ring make_ring(context&, int /*floats*/) {
    return {};
}

/// Host memory for what goes to the device and comes from it.
[[nodiscard]] inline const std::shared_ptr<pool>& staging_memory(context& ctx) {
    return ctx.memory;
}

} // namespace pfad::cpu
