// Modules without a base class: a module lists its parts once, and everything that walks a network
// (optimiser, checkpoint, initialisation, counting) is a visitor over that list.
#pragma once

#include <pfad/autograd/parameter.hpp>
#include <pfad/core/philox.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

/// Names and parts in turn: `auto fields() { return pfad::fields("conv", conv, "norm", norm); }`.
/// Parts are parameters, states, modules, and optionals or vectors of modules. The names joined by
/// dots are the state-dict keys of the same network in PyTorch; "{}" stands for the number of a
/// part of a stacked parameter.
template <class... A>
[[nodiscard]] auto fields(A&&... names_and_parts) {
    return std::forward_as_tuple(std::forward<A>(names_and_parts)...);
}

/// What lists its parts.
template <class M>
concept module = requires(M& m) {
    m.fields();
};

namespace detail {

template <class F, class First, class... More>
void for_each_entry(F&& f, const First& first, const More&... more) {
    const auto call = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
        f(std::get<2 * I>(first), std::get<2 * I + 1>(first), std::get<2 * I + 1>(more)...);
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (call(std::integral_constant<std::size_t, I>()), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<First> / 2>{});
}

// Names joined by dots.
inline std::string joined(const std::string& name, std::string_view field) {
    return (name.empty() ? "" : name + ".") + std::string(field);
}

} // namespace detail

/// Calls f(name, part of each module) for each field, in order, of one module or of several of one
/// structure.
template <class F, module... M>
void for_each_field(F&& f, M&... m) {
    detail::for_each_entry(f, m.fields()...);
}

/// Calls f(name, leaf) for every parameter and state below `part`, in the order of the lists.
template <class T, int R, class S, class F>
void visit(parameter<T, R, S>& part, const std::string& name, F&& f) {
    f(name, part);
}
/// The same for a state.
template <class T, int R, class S, class F>
void visit(state<T, R, S>& part, const std::string& name, F&& f) {
    f(name, part);
}
/// Nothing where there is no part.
template <class M, class F>
void visit(std::optional<M>& part, const std::string& name, F&& f) {
    if (part)
        visit(*part, name, f);
}
/// Names are followed by ".0", ".1", ..
template <class M, class F>
void visit(std::vector<M>& parts, const std::string& name, F&& f) {
    for (std::size_t i = 0; i < parts.size(); ++i)
        visit(parts[i], name + "." + std::to_string(i), f);
}
/// Every part of a module, names joined by dots.
template <module M, class F>
void visit(M& m, const std::string& name, F&& f) {
    for_each_field(
        [&](std::string_view field, auto& part) { visit(part, detail::joined(name, field), f); },
        m);
}

/// Calls f(name, parameter) for every trained array.
template <class M, class F>
void visit_parameters(M& m, const std::string& name, F&& f) {
    visit(m, name, [&]<class P>(const std::string& key, P& part) {
        if constexpr (requires { part.slot; })
            f(key, part);
    });
}

/// The number of trained values.
template <module M>
[[nodiscard]] std::int64_t parameter_count(M& m) {
    std::int64_t count = 0;
    visit_parameters(m, "", [&](const std::string&, auto& p) { count += p.dims().size(); });
    return count;
}

/// How the weights of convolutions start. Biases are U(-b, b), b = 1/sqrt(fan_in), under both.
enum class initialiser {
    kaiming_fan_out, ///< N(0, 2 / fan_out), fan_out = k r s (He et al. 2015)
    uniform_fan_in   ///< U(-b, b), b = 1/sqrt(fan_in), fan_in = r s c
};

/// Sets every layer below `m` to its initial value, a pure function of (seed, name).
template <class M>
void initialise(M& m, const std::string& name, initialiser rule, std::uint64_t seed) {
    if constexpr (requires(random_stream & random) { m.initialise(rule, random); }) {
        random_stream random(seed, name);
        m.initialise(rule, random);
    } else if constexpr (requires { m.has_value(); }) {
        if (m)
            initialise(*m, name, rule, seed);
    } else if constexpr (requires { m.size(); }) {
        for (std::size_t i = 0; i < m.size(); ++i)
            initialise(m[i], name + "." + std::to_string(i), rule, seed);
    } else if constexpr (module<M>) {
        for_each_field(
            [&](std::string_view field, auto& part) {
                initialise(part, detail::joined(name, field), rule, seed);
            },
            m);
    }
}

} // namespace pfad
