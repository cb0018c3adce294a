// What core/context.hpp asks of a queue: steps that are recorded, results that are read later,
// memory that a device reads fast. On the host work is done when its function returns, so there is
// next to nothing to do.
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

/// Networks that stay as they are: nothing is made of that here.
struct fixed_networks {};

/// For steps that evaluate such networks.
[[nodiscard]] inline fixed_networks make_fixed_networks(context&) {
    return {};
}

/// The step itself.
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
