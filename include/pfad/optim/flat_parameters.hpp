// All trained values of a part of a network in one block, so that an update is one pass.
#pragma once

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/module.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/fill.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

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

    /// `list(add)` calls add(part, rate) once for every part of the network to train; in bf16
    /// add(part, the same part of the exact network, rate).
    template <any_context C, class List>
    flat_parameters(C& ctx, List&& list) {
        std::int64_t total = 0;
        list(adding([&](auto& part, auto&, double rate) {
            std::int64_t const begin = total;
            visit_parameters(part, "", [&](auto const&, auto& p) { total += padded(p); });
            groups_.push_back({begin, total - begin, rate});
        }));
        const shape<1> dims = {{total}};
        values = full(ctx, dims, exact(0));
        gradients = full(ctx, dims, exact(0));
        velocities = full(ctx, dims, exact(0));
        if constexpr (mixed)
            rounded = full(ctx, dims, T(0));
        std::int64_t at = 0;
        list(adding([&](auto& part, auto& source, double) {
            visit_pairs(part, source, [&]<class P, class Q>(P& p, Q& q) {
                if constexpr (requires { p.slot; }) {
                    place(ctx, p, q, at);
                    at += padded(p);
                } else if constexpr (mixed) {
                    p.value = q.value;
                }
            });
        }));
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

    // What `list` gets: a part stands for itself where nothing is rounded.
    template <class F>
    struct adder {
        F f;
        template <class P, class Q>
        void operator()(P&& part, Q&& source, double rate) const {
            f(part, source, rate);
        }
        template <class P>
        void operator()(P&& part, double rate) const {
            static_assert(!mixed, "bf16 is trained beside exact values: add(part, exact, rate)");
            f(part, part, rate);
        }
    };
    // clang 16 does not deduce a template inside a template.
    template <class F>
    static adder<F> adding(F f) {
        return {std::move(f)};
    }

    // Parameters start on cache lines.
    template <class P>
    static std::int64_t padded(P const& p) {
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
