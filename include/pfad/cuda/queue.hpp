// What core/context.hpp asks of a queue, on a GPU.
#pragma once

#include <pfad/core/pool.hpp>
#include <pfad/cuda/captured.hpp>
#include <pfad/cuda/context.hpp>
#include <pfad/cuda/ring.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

namespace pfad::cuda {

/// For steps that evaluate networks which stay as they are, see captured.
[[nodiscard]] inline std::shared_ptr<fixed_networks> make_fixed_networks(context&) {
    return std::make_shared<fixed_networks>();
}

/// A step that will be called often and works on the same tensors each time, see captured.
template <std::derived_from<context> C>
[[nodiscard]] captured<C>
repeated(C& ctx, std::function<void()> step, std::shared_ptr<fixed_networks> fixed) {
    return {ctx, std::move(step), std::move(fixed)};
}

/// Room for the losses of eight steps: the host may be as far ahead.
[[nodiscard]] inline ring make_ring(context& ctx, int floats) {
    ctx.make_current("ring: its memory");
    return {8, floats};
}

/// Pinned memory, which the GPU copies from and to while it computes.
[[nodiscard]] inline const std::shared_ptr<pool>& staging_memory(context& ctx) {
    return ctx.staging();
}

} // namespace pfad::cuda
