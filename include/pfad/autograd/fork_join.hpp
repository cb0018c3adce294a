// Two branches of a network that do not need each other's results.
#pragma once

#include <pfad/autograd/tape.hpp>

#include <utility>

namespace pfad {

/// f(a tape of its own) and g(t), side by side where the backend can, else one after the other; the
/// pair of their results, which both are there for what is queued on `t`'s context next. `f` is
/// evaluated: its tape records no gradients. It reads what stays until this returns, and writes to
/// nothing that is there already; `g` does not write to what `f` reads.
template <any_context Context, class F, class G>
[[nodiscard]] auto fork_join(tape<Context>& t, F&& f, G&& g) {
    // Joined at the end, also where f or g throws: the side may still read what goes then.
    struct branch {
        Context& context;
        bool joined = false;
        void end() {
            joined = true;
            join(context);
        }
        ~branch() {
            try {
                if (!joined)
                    end();
            } catch (...) { // the first error says what is wrong
            }
        }
    };
    tape<Context> side(fork(t.context), mode::eval, recording::off);
    branch both{t.context};
    auto first = std::forward<F>(f)(side);
    auto second = std::forward<G>(g)(t);
    both.end();
    return std::pair(std::move(first), std::move(second));
}

} // namespace pfad
