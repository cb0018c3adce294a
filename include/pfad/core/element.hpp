// The element types of tensors and what they accumulate in.
#pragma once

#include <concepts>

namespace pfad {

/// Activations and parameters: float for work, double for references and gradient checks.
template <class T>
concept real = std::same_as<T, float> || std::same_as<T, double>;

/// How an output is written: replaced, or added to (a gradient with several sources).
enum class store : bool { set, add };

/// Writes or adds `value` as `how` says.
template <class T>
constexpr void put(T& to, T value, store how) {
    to = how == store::set ? value : to + value;
}

} // namespace pfad
