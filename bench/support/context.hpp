// Where the benchmarks run, and random tensors for them. What nvcc compiles runs on a GPU.
#pragma once

#include <pfad/core/philox.hpp>
#include <pfad/core/tensor.hpp>

#if defined(__CUDACC__)
#include <pfad/cuda.cuh>
#elif __has_include(<dnnl.hpp>) && defined(_OPENMP)
#include <pfad/onednn.hpp>
#else
#include <pfad/cpu/context.hpp>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace pfad::bench {

#if defined(__CUDACC__)
using context = cuda::context;
#elif __has_include(<dnnl.hpp>) && defined(_OPENMP)
using context = onednn::context;
#else
using context = cpu::context;
#endif

/// An array where the benchmarks run.
template <class T, int R>
using array = tensor<T, R, context::space>;

/// Whether benchmarks only say what they would do: memory stays untouched and nothing is timed.
inline bool describing = false;

/// Elements from make(i), i < 4099; they repeat after that many, a prime, so that making a large
/// tensor takes no longer than writing it.
template <class T, int R, class F>
[[nodiscard]] array<T, R> make(context& ctx, const shape<R>& dims, F&& element) {
    auto result = empty<T>(ctx, dims);
    if (describing)
        return result;
    std::array<T, 4099> values;
    for (T& value : values)
        value = static_cast<T>(element());
    const auto fill = [&values](T* to, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = values[static_cast<std::size_t>(i) % values.size()];
    };
    if constexpr (std::is_same_v<context::space, host>)
        fill(result.data(), result.size());
#if defined(__CUDACC__)
    else {
        std::vector<T> elements(static_cast<std::size_t>(result.size()));
        fill(elements.data(), result.size());
        cuda::copy(ctx, view<const T, R>{elements.data(), dims}, result.view());
        cuda::synchronise(ctx);
    }
#endif
    return result;
}

/// Uniform in [low, high).
template <class T = float, int R>
[[nodiscard]] array<T, R>
draw(context& ctx, const shape<R>& dims, double low = -1, double high = 1) {
    random_stream draws(1, "draw", 0, static_cast<std::uint64_t>(dims.size()));
    return make<T>(ctx, dims, [&] { return static_cast<float>(draws.uniform(low, high)); });
}

/// One in a random twentieth of the elements, zero elsewhere.
template <class T = float, int R>
[[nodiscard]] array<T, R> draw_mask(context& ctx, const shape<R>& dims) {
    random_stream draws(1, "draw", 0, static_cast<std::uint64_t>(dims.size()));
    return make<T>(ctx, dims, [&] { return draws.uniform() > 0.95 ? 1.0f : 0.0f; });
}

} // namespace pfad::bench
