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
template <class T>
class flat_parameters {
public:
    /// A run of the blocks that shares a learning rate.
    struct group {
        std::int64_t offset, size;
        double rate;
    };

    tensor<T, 1> values, gradients, velocities;

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
                std::copy_n(p.value.data(), p.value.size(), place.data());
                p.value = place;
                p.slot->place(gradients.slice(at, p.dims()));
                p.stamp.touch();
                hold(p);
                at += padded(p);
            });
        });
    }

    [[nodiscard]] const std::vector<group>& groups() const { return groups_; }

    /// Before an update: parameters that no gradient reached count as having a zero one.
    template <class C>
    void complete_gradients(C& ctx) {
        for (const auto& member : members_)
            member->complete(ctx);
    }
    /// After an update: backends repack, the next backward pass starts from nothing.
    void finish() {
        for (const auto& member : members_)
            member->finish();
    }

private:
    struct member {
        virtual ~member() = default;
        virtual void complete(cpu::context& ctx) = 0;
        virtual void finish() = 0;
    };
    template <int R>
    struct member_of final : member {
        explicit member_of(parameter<T, R> p) : held(std::move(p)) {}
        void complete(cpu::context& ctx) override {
            if (!held.slot->written())
                fill_forward(ctx, T(0), held.slot->claim(ctx, held.dims()).to.flat());
        }
        void finish() override {
            held.slot->reset();
            held.stamp.touch();
        }
        parameter<T, R> held;
    };

    template <int R>
    void hold(const parameter<T, R>& p) {
        members_.push_back(std::make_unique<member_of<R>>(p));
    }
    // Parameters start on cache lines.
    template <class P>
    static std::int64_t padded(P const& p) {
        return (p.dims().size() + 15) / 16 * 16;
    }

    std::vector<group> groups_;
    std::vector<std::unique_ptr<member>> members_;
};

} // namespace pfad
