// Where the benchmarks run, and random tensors for them.
#pragma once

#include <pfad/core/philox.hpp>
#include <pfad/core/tensor.hpp>

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
#include <pfad/onednn.hpp>
#else
#include <pfad/cpu/context.hpp>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace pfad::bench {

#if __has_include(<dnnl.hpp>) && defined(_OPENMP)
using context = onednn::context;
#else
using context = cpu::context;
#endif

/// Uniform in [low, high). Repeats after 4099 values, a prime, so that making a large tensor takes
/// no longer than writing it.
template <int R>
[[nodiscard]] tensor<float, R>
draw(context& ctx, const shape<R>& dims, double low = -1, double high = 1) {
    std::array<float, 4099> values;
    random_stream draws(1, "draw", 0, static_cast<std::uint64_t>(dims.size()));
    std::generate(values.begin(), values.end(),
                  [&] { return static_cast<float>(draws.uniform(low, high)); });
    auto result = empty<float>(ctx, dims);
    for (std::int64_t i = 0; i < result.size(); ++i)
        result.data()[i] = values[static_cast<std::size_t>(i) % values.size()];
    return result;
}

/// One in a random twentieth of the elements, zero elsewhere.
template <int R>
[[nodiscard]] tensor<float, R> draw_mask(context& ctx, const shape<R>& dims) {
    auto result = draw(ctx, dims, 0, 1);
    std::transform(result.data(), result.data() + result.size(), result.data(),
                   [](float v) { return v > 0.95f ? 1.0f : 0.0f; });
    return result;
}

} // namespace pfad::bench
