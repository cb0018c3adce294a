// A network where it computes: on the host the caller's own, on a device a copy of it; in bf16 beside
// a copy of rounded weights.
#pragma once

#include <pfad/core/space.hpp>
#include <pfad/nn/copy_arrays.hpp>
#include <pfad/ops/cast.hpp>

#include <optional>
#include <type_traits>

namespace pfad {

/// The network D in T on a context's device, from a network in float on the host, and its weights back.
/// What is trained in bf16 is trained beside exact values, see flat_parameters.
template <template <class, class> class D, class T, class Context>
class network_copy {
public:
    using space = typename Context::space;
    /// True on the host: the caller's network is used directly, without a copy.
    static constexpr bool in_place = std::is_same_v<space, host>;
    /// Whether there are rounded weights beside the exact ones.
    static constexpr bool mixed = !std::is_same_v<T, float>;

    /// Copies the weights of `source`, which must outlive it.
    network_copy(Context& ctx, D<float, host>& source) : source_(source) {
        if constexpr (!in_place)
            exact_.emplace(ctx, source.options);
        if constexpr (mixed)
            rounded_.emplace(ctx, source.options);
        if constexpr (!in_place)
            copy_arrays(ctx, source, exact());
        if constexpr (mixed)
            visit_pairs(exact(), *rounded_, [&]<class P, class Q>(P& from, Q& to) {
                if constexpr (std::is_same_v<P, Q>)
                    to.value = from.value; // shared: vectors and statistics are not rounded
                else
                    cast_forward<float>(ctx, from.value.flat(), to.value.flat().view());
            });
    }

    /// The network to compute with.
    [[nodiscard]] D<T, space>& get() {
        if constexpr (mixed)
            return *rounded_;
        else
            return exact();
    }

    /// f(groups(network)), and in bf16 f(groups(network), groups(exact network)): what an optimiser is
    /// made of.
    template <class Groups, class F>
    void with_groups(Groups&& groups, F&& f) {
        if constexpr (mixed)
            f(groups(get()), groups(exact()));
        else
            f(groups(get()));
    }

    /// The device's weights to the host.
    void store(Context& ctx) {
        if constexpr (!in_place)
            copy_arrays(ctx, exact(), source_);
    }

private:
    [[nodiscard]] D<float, space>& exact() {
        if constexpr (in_place)
            return source_;
        else
            return *exact_;
    }

    struct nothing {};
    D<float, host>& source_;
    std::conditional_t<in_place, nothing, std::optional<D<float, space>>> exact_;
    std::conditional_t<mixed, std::optional<D<T, space>>, nothing> rounded_;
};

} // namespace pfad
