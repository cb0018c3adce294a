// A network where it computes: on the host the user's own, on a device a copy of it; in bf16 beside
// a copy of rounded weights.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/space.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/nn/copy_arrays.hpp>
#include <pfad/ops/cast.hpp>

#include <optional>
#include <type_traits>

namespace pfad {

/// PFADSeg in T on a context's device, from a network in float on the host, and its weights back.
/// What is trained in bf16 is trained beside exact values, see flat_parameters.
template <class T, class Context>
class device_network {
public:
    using space = typename Context::space;
    /// Whether the exact network is the user's own.
    static constexpr bool in_place = std::is_same_v<space, host>;
    /// Whether there are rounded weights beside the exact ones.
    static constexpr bool mixed = !std::is_same_v<T, float>;

    /// Copies the weights of `source`, which must outlive it.
    device_network(Context& ctx, pfadseg<float>& source) : source_(source) {
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
    [[nodiscard]] pfadseg<T, space>& get() {
        if constexpr (mixed)
            return *rounded_;
        else
            return exact();
    }

    /// Calls add(part, rate), or in bf16 add(part, exact part, rate), for an optimiser's list;
    /// `part_of(network)` names the part.
    template <class Add, class F>
    void add_part(Add&& add, F&& part_of, double rate) {
        auto&& part = part_of(get());
        if constexpr (mixed) {
            auto&& exact_part = part_of(exact());
            add(part, exact_part, rate);
        } else {
            add(part, rate);
        }
    }

    /// The device's weights to the host.
    void store(Context& ctx) {
        if constexpr (!in_place)
            copy_arrays(ctx, exact(), source_);
    }

private:
    [[nodiscard]] pfadseg<float, space>& exact() {
        if constexpr (in_place)
            return source_;
        else
            return *exact_;
    }

    struct nothing {};
    pfadseg<float>& source_;
    std::conditional_t<in_place, nothing, std::optional<pfadseg<float, space>>> exact_;
    std::conditional_t<mixed, std::optional<pfadseg<T, space>>, nothing> rounded_;
};

} // namespace pfad
