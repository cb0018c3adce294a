// Two networks of one structure side by side: how weights get to a device and back.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/space.hpp>
#include <pfad/nn/module.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pfad {

/// Calls f(part of a, part of b) for every parameter and state of two networks that differ in
/// element type or space alone. Throws errc::value where one has a part that the other lacks.
template <class A, class B, class F>
void visit_pairs(A& a, B& b, F&& f) {
    if constexpr (module<A>) {
        auto first = a.fields();
        auto second = b.fields();
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (visit_pairs(std::get<2 * I + 1>(first), std::get<2 * I + 1>(second), f), ...);
        }
        (std::make_index_sequence<std::tuple_size_v<decltype(first)> / 2>{});
    } else if constexpr (requires { a.has_value(); }) {
        expect(a.has_value() == b.has_value(), "visit_pairs", "both networks have the same parts");
        if (a)
            visit_pairs(*a, *b, f);
    } else if constexpr (requires { a.size(); }) {
        expect(a.size() == b.size(), "visit_pairs", "both networks have the same parts");
        for (std::size_t i = 0; i < a.size(); ++i)
            visit_pairs(a[i], b[i], f);
    } else {
        f(a, b);
    }
}

namespace detail {

template <class C, class P, class S = typename decltype(P::value)::space>
inline constexpr bool in_reach = std::is_same_v<S, host> || std::is_same_v<S, typename C::space>;

} // namespace detail

/// Copies every parameter and running statistic of `from` to `to`, between the host and the
/// context's device or within either; returns when that is done. A network is built, initialised
/// and loaded on the host, then copied to the device, and back to be saved. Throws errc::value
/// where their parts differ, errc::shape where an extent does.
template <class C, module A, module B>
void copy_arrays(C& ctx, A& from, B& to) {
    visit_pairs(from, to, [&]<class P, class Q>(P& source, Q& target) {
        static_assert(detail::in_reach<C, P> && detail::in_reach<C, Q>,
                      "the context is that of the device");
        copy(ctx, source.value, target.value.view());
        if constexpr (requires { target.stamp; })
            target.stamp.touch();
    });
    synchronise(ctx);
}

} // namespace pfad
