// Arrays on the host beside a context that computes elsewhere.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/pool.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace pfad {

/// A memory_source, and no more: memory of the host.
struct host_memory {
    using space = host;
    std::shared_ptr<pool> memory; ///< what empty() takes from

    /// Takes from this pool.
    explicit host_memory(std::shared_ptr<pool> from) : memory(std::move(from)) {}
    /// Memory that the context's device reads fast.
    template <queued_context C>
    [[nodiscard]] static host_memory beside(C& ctx) {
        return host_memory(staging_memory(ctx));
    }
};

/// The elements of a tensor on the host: itself where it is there, else a copy that is complete.
template <any_context C, class T, int R, class S>
[[nodiscard]] tensor<T, R, host> on_host(C& ctx, const tensor<T, R, S>& from) {
    if constexpr (std::is_same_v<S, host>) {
        return from;
    } else {
        auto memory = host_memory::beside(ctx);
        auto result = empty<T>(memory, from.dims());
        copy(ctx, view<const T, R>(from), result.view());
        synchronise(ctx);
        return result;
    }
}

} // namespace pfad
