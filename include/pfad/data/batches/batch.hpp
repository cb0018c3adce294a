// Training batches as the host makes them and the device reads them. A recipe says what is in one:
//   struct recipe {
//       static constexpr bool needs_textures;                    // pictures to paint anomalies with
//       template <class S> struct arrays;                        // tensors, listed by all()
//       static auto empty(ctx, n, size);                         // arrays for n samples
//       void make(sampler, iteration, index, scratch, arrays) const; // one sample, on the host
//       auto pictures<T>(ctx, arrays) const;                     // by the device's ops, in T
//   };
#pragma once

#include <pfad/core/space.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace pfad::data {

/// A batch of a recipe in one space.
template <class Recipe, class S = host>
struct training_batch {
    std::int64_t iteration = -1;                  ///< -1: no batch
    typename Recipe::template arrays<S> arrays{}; ///< what the recipe makes
};

/// Memory for a batch of n samples.
template <class Recipe, class C>
[[nodiscard]] training_batch<Recipe, typename C::space>
empty_batch(C& ctx, std::int64_t n, std::int64_t size, std::int64_t iteration = -1) {
    return {iteration, Recipe::empty(ctx, n, size)};
}

/// Copies a batch between the host and the context's device, or within either.
template <class C, class Recipe, class A, class B>
void copy_batch(C& ctx, training_batch<Recipe, A>& from, training_batch<Recipe, B>& to) {
    to.iteration = from.iteration;
    const auto source = from.arrays.all();
    const auto target = to.arrays.all();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (copy(ctx, std::get<I>(source).view(), std::get<I>(target).view()), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<decltype(source)>>());
}

} // namespace pfad::data
