// The element types of tensors and what they accumulate in.
#pragma once

#include <pfad/core/bf16.hpp>
#include <pfad/core/macros.hpp>

#include <type_traits>

namespace pfad {

namespace detail {
template <class T>
struct accumulator {
    using type = T;
};
template <>
struct accumulator<bf16> {
    using type = float;
};
} // namespace detail

/// What elements are computed with: float for bf16, else the type itself.
template <class T>
using accumulator_t = typename detail::accumulator<T>::type;

/// How an output is written: replaced, or added to (a gradient with several sources).
enum class store : bool { set, add };

/// Writes or adds `value` as `how` says; it is rounded to T once, when it is stored.
template <class T>
PFAD_HD constexpr void put(T& to, std::type_identity_t<accumulator_t<T>> value, store how) {
    to = static_cast<T>(how == store::set ? value : to + value);
}

} // namespace pfad
