// Two networks of one structure side by side: how weights get to a device and back.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/host_memory.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/nn/module.hpp>

#include <cstddef>
#include <type_traits>

namespace pfad {

/// Calls f(part of a, part of b) for every parameter and state of two networks that differ in
/// element type or space alone. Throws errc::value where one has a part that the other lacks.
template <class A, class B, class F>
void visit_pairs(A& a, B& b, F&& f) {
    if constexpr (module<A>) {
        for_each_field([&](auto&&, auto& part, auto& other) { visit_pairs(part, other, f); }, a, b);
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

template <any_context C, class T, int R, class S>
void make_room(C& ctx, tensor<T, R, S>& value, const shape<R>& dims) {
    if constexpr (std::is_same_v<S, typename C::space>) {
        value = empty<T>(ctx, dims);
    } else {
        auto memory = host_memory::beside(ctx);
        value = empty<T>(memory, dims);
    }
}

} // namespace detail

/// Copies every parameter and running statistic of `from` to `to`, between the host and the
/// context's device or within either; returns when that is done. A network is built, initialised
/// and loaded on the host, then copied to the device, and back to be saved. A state without memory
/// is left out, or gets memory where the one that it is copied to has none. Throws errc::value
/// where their parts differ, errc::shape where an extent does.
template <any_context C, module A, module B>
void copy_arrays(C& ctx, A& from, B& to) {
    visit_pairs(from, to, [&]<class P, class Q>(P& source, Q& target) {
        static_assert(detail::in_reach<C, P> && detail::in_reach<C, Q>,
                      "the context is that of the device");
        if constexpr (!requires { source.slot; }) {
            if (!source.value && !target.value)
                return;
            if (!target.value)
                detail::make_room(ctx, target.value, source.value.dims());
        }
        copy(ctx, source.value, target.value.view());
        if constexpr (requires { target.stamp; })
            target.stamp.touch();
    });
    synchronise(ctx);
}

} // namespace pfad
