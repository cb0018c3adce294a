// All trained values of a part of a network in one block, so that an update is one pass.
#pragma once

#include <pfad/nn/module.hpp>
#include <pfad/ops/fill.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pfad {

/// Moves parameters into three equally laid out blocks: values, gradients, velocities. Each
/// parameter becomes a view into them; one that was copied before keeps its old memory.
template <class T, class S = host>
class flat_parameters {
public:
    /// A run of the blocks that shares a learning rate.
    struct group {
        std::int64_t offset, size;
        double rate;
    };

    tensor<T, 1, S> values, gradients, velocities;

    /// `add(part, rate)` is called by `list` once for every part of the network to train.
    template <class C, class List>
    flat_parameters(C& ctx, List&& list) {
        std::int64_t total = 0;
        list([&](auto&& part, double rate) {
            std::int64_t const begin = total;
            visit_parameters(part, "", [&](auto const&, auto& p) { total += padded(p); });
            groups_.push_back({begin, total - begin, rate});
        });
        values = full(ctx, shape<1>{{total}}, T(0));
        gradients = full(ctx, shape<1>{{total}}, T(0));
        velocities = full(ctx, shape<1>{{total}}, T(0));
        std::int64_t at = 0;
        list([&](auto&& part, double) {
            visit_parameters(part, "", [&](auto const&, auto& p) {
                auto const place = values.slice(at, p.dims());
                copy(ctx, p.value, place.view());
                p.value = place;
                p.slot->place(gradients.slice(at, p.dims()));
                p.stamp.touch();
                members_.push_back({p.slot, p.stamp, at, p.dims().size()});
                at += padded(p);
            });
        });
    }

    [[nodiscard]] const std::vector<group>& groups() const { return groups_; }

    /// Before an update: parameters that no gradient reached count as having a zero one.
    template <class C>
    void complete_gradients(C& ctx) {
        for (const auto& p : members_)
            if (!p.slot->written())
                fill_forward(ctx, T(0), gradients.slice(p.offset, shape<1>{{p.size}}).view());
    }
    /// After an update: backends repack, the next backward pass starts from nothing.
    void finish() {
        for (auto& p : members_) {
            p.slot->reset();
            p.stamp.touch();
        }
    }

private:
    struct member {
        std::shared_ptr<gradient_state<T>> slot;
        weight_stamp stamp;
        std::int64_t offset, size;
    };

    // Parameters start on cache lines.
    template <class P>
    static std::int64_t padded(P const& p) {
        return (p.dims().size() + 15) / 16 * 16;
    }

    std::vector<group> groups_;
    std::vector<member> members_;
};

} // namespace pfad
