// Reverse-mode differentiation: ops record closures, backward runs them last to first.
#pragma once

#include <pfad/autograd/parameter.hpp>
#include <pfad/autograd/variable.hpp>
#include <pfad/core/context.hpp>
#include <pfad/core/view.hpp>

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

/// What batch norm does: use and update the statistics of the batch, or use the running ones.
enum class mode { train, eval };
/// Whether ops record how to differentiate themselves.
enum class recording : bool { off, on };

/// One forward pass. Recording order is already topological, so backward just pops closures;
/// each is destroyed after it ran, which returns its activations to the pool.
template <any_context Context>
class tape {
public:
    using space = typename Context::space;

    Context& context;           ///< where the ops of this pass run
    const mode phase;           ///< what batch norm does
    const recording record_ops; ///< whether backward() is possible

    /// Training records; evaluation does not, unless asked to.
    tape(Context& ctx, mode m) : tape(ctx, m, m == mode::train ? recording::on : recording::off) {}
    /// With `r`, evaluation may record too.
    tape(Context& ctx, mode m, recording r) : context(ctx), phase(m), record_ops(r) {}
    tape(const tape&) = delete;
    tape& operator=(const tape&) = delete;

    /// Whether an op with these inputs has a gradient to compute. Parameters always ask for one.
    template <class... V>
    [[nodiscard]] bool wants(const V&... inputs) const {
        return record_ops == recording::on && ((inputs.slot != nullptr) || ...);
    }

    /// An op's result; with a gradient slot where one is wanted.
    template <class T, int R>
    [[nodiscard]] variable<T, R, space> result(tensor<T, R, space> value, bool wanted) const {
        return wanted ? leaf(std::move(value)) : constant(std::move(value));
    }

    /// Keeps `f` for an op's result `y`: backward calls f(Context&, y's gradient as in<T, R>), unless
    /// nobody wrote one. Nothing where no gradient is wanted. F may own move-only things.
    template <class T, int R, class F>
    void record(const variable<T, R, space>& y, F f) {
        if (y.slot)
            record([slot = y.slot, f = std::move(f)](Context& ctx) {
                if (slot->written())
                    f(ctx, in<T, R>(slot->gradient()));
            });
    }
    /// Keeps `f`, called as f(Context&) by backward. F may own move-only things.
    template <class F>
    void record(F f) {
        closures_.push_back(std::make_unique<closure<F>>(std::move(f)));
    }

    /// Computes every gradient of `loss`, whose own gradient is `weight`. Once a tape.
    template <class T, int R>
    void backward(const variable<T, R, space>& loss, std::type_identity_t<T> weight = T(1)) {
        expect(loss.slot != nullptr, "backward", "the loss depends on something recorded");
        const auto seed = loss.slot->claim(context, loss.dims());
        fill_forward(context, weight, seed.to.flat());
        run();
    }

    /// The same with a given gradient of each of several results.
    void run() {
        while (!closures_.empty()) {
            const auto last = std::move(closures_.back());
            closures_.pop_back();
            last->call(context);
        }
    }

private:
    struct node {
        virtual ~node() = default;
        virtual void call(Context& ctx) = 0;
    };
    template <class F>
    struct closure final : node {
        explicit closure(F f) : function(std::move(f)) {}
        void call(Context& ctx) override { function(ctx); }
        F function;
    };

    std::vector<std::unique_ptr<node>> closures_;
};

} // namespace pfad
