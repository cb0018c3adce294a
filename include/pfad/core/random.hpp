// Random arrays, for a first try.
#pragma once

#include <pfad/core/context.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>

#include <concepts>
#include <cstdint>

namespace pfad {

/// An array on the host, uniform in [low, high): a pure function of extents and seed.
template <class T, int R, memory_source C>
requires std::same_as<typename C::space, host>
[[nodiscard]] tensor<T, R, host>
random(C& memory, const shape<R>& dims, std::uint64_t seed, double low = 0, double high = 1) {
    auto result = empty<T>(memory, dims);
    random_stream draws(seed, "random");
    for (std::int64_t i = 0; i < result.size(); ++i)
        result.data()[i] = static_cast<T>(draws.uniform(low, high));
    return result;
}

} // namespace pfad
