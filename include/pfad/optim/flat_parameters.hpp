// All trained values of a part of a network in one block, so that an update is one pass.
#pragma once

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/module.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/fill.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

/// A part of a network that trains at a learning rate of its own. The part is a module, or a view of one
/// made for the occasion.
template <class M>
struct parameter_group {
    M part;      ///< a reference where it was given an object that stays
    double rate; ///< learning rate

    /// The part, and its learning rate.
    parameter_group(M&& module, double learning_rate)
        : part(std::forward<M>(module)), rate(learning_rate) {}
};
/// An object that stays is held by reference.
template <class M>
parameter_group(M&&, double) -> parameter_group<M>;

/// Moves parameters into three equally laid out blocks: values, gradients, velocities. Each
/// parameter becomes a view into them; one that was copied before keeps its old memory.
/// A network of bf16 is trained beside one of float, of the same structure, which holds the exact
/// values: what the former has in bf16 lies in a fourth block, `rounded`; the rest, and the running
/// statistics, the two share.
template <class T, class S = host>
class flat_parameters {
public:
    /// Type of what is added up: float where T is bf16.
    using exact = accumulator_t<T>;

    /// A run of the blocks that shares a learning rate.
    struct group {
        /// Elements from the start of the blocks, and their number.
        std::int64_t offset, size;
        double rate; ///< learning rate
    };

    /// All values, their gradients and the optimiser's velocities, in one order.
    tensor<exact, 1, S> values, gradients, velocities;
    tensor<T, 1, S> rounded; ///< of bf16 alone

    /// Every part of the network to train, a tuple of parameter_group.
    template <any_context C, class... M>
    flat_parameters(C& ctx, std::tuple<parameter_group<M>...> groups)
        : flat_parameters(ctx, groups, groups) {
        static_assert(!mixed, "bf16 is trained beside exact values: the groups of both networks");
    }

    /// The same, in bf16 with the same parts of the exact network.
    template <any_context C, class... M, class... E>
    flat_parameters(C& ctx,
                    std::tuple<parameter_group<M>...> groups,
                    std::tuple<parameter_group<E>...> exact_groups) {
        std::int64_t total = 0;
        const auto measure = [&](auto& one) {
            const std::int64_t begin = total;
            visit_parameters(one.part, "", [&](const auto&, auto& p) { total += padded(p); });
            groups_.push_back({begin, total - begin, one.rate});
        };
        std::apply([&](auto&... all) { (measure(all), ...); }, groups);
        const shape<1> dims = {{total}};
        values = full(ctx, dims, exact(0));
        gradients = full(ctx, dims, exact(0));
        velocities = full(ctx, dims, exact(0));
        if constexpr (mixed)
            rounded = full(ctx, dims, T(0));
        std::int64_t at = 0;
        const auto move = [&](auto& one, auto& source) {
            visit_pairs(one.part, source.part, [&]<class P, class Q>(P& p, Q& q) {
                if constexpr (requires { p.slot; }) {
                    place(ctx, p, q, at);
                    at += padded(p);
                } else if constexpr (mixed) {
                    p.value = q.value;
                }
            });
        };
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (move(std::get<I>(groups), std::get<I>(exact_groups)), ...);
        }
        (std::index_sequence_for<M...>());
    }

    /// In the order of the blocks.
    [[nodiscard]] const std::vector<group>& groups() const { return groups_; }

    /// Before an update: parameters that no gradient reached count as having a zero one.
    template <any_context C>
    void complete_gradients(C& ctx) {
        for (const auto& p : members_)
            if (!p.slot->written())
                fill_forward(ctx, exact(0), gradients.slice(p.offset, shape<1>{{p.size}}).view());
    }
    /// After an update: backends repack, the next backward pass starts from nothing.
    void finish() {
        for (auto& p : members_) {
            p.slot->reset();
            p.stamp.touch();
        }
    }

private:
    static constexpr bool mixed = !std::is_same_v<T, exact>;

    struct member {
        std::shared_ptr<gradient_state<exact>> slot;
        weight_stamp stamp;
        std::int64_t offset, size;
    };

    // Parameters start on cache lines.
    template <class P>
    static std::int64_t padded(const P& p) {
        return (p.dims().size() + 15) / 16 * 16;
    }

    template <class C, class P, class Q>
    void place(C& ctx, P& p, Q& q, std::int64_t at) {
        const auto here = values.slice(at, q.dims());
        copy(ctx, q.value, here.view());
        q.value = here;
        if constexpr (std::is_same_v<P, Q>) {
            p.value = here;
        } else {
            p.value = rounded.slice(at, p.dims());
            cast_forward<exact>(ctx, here.flat(), p.value.flat().view());
        }
        p.slot->place(gradients.slice(at, p.dims()));
        p.stamp.touch();
        q.stamp = p.stamp;
        members_.push_back({p.slot, p.stamp, at, p.dims().size()});
    }

    std::vector<group> groups_;
    std::vector<member> members_;
};

} // namespace pfad
