// The image score: the mean of the k highest pixels of a score map.
//   score[n] = mean of the k largest map[n,:,:,0], of all of them where there are fewer than k
// requires  one channel, at least one pixel, k >= 1
// NaN       in a map: an error on the CPU; on a GPU, which cannot throw for data, the map's score
// ensures   the same bits whatever the order of the pixels
// precision accumulates in double
// cost      1 read, 1 copy
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/error.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/parallel.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace pfad {

namespace cpu {

/// score (n) from map (n, h, w, 1): the mean of the k highest values of each.
template <class T>
void top_k_mean_forward(context& ctx, in<T, 4> map, int k, out<T, 1> score) {
    const std::int64_t pixels = map.extent(1) * map.extent(2);
    const std::int64_t top = std::min<std::int64_t>(k, pixels);
    const auto copy = empty<T>(ctx, map.dims);
    const auto falls = [](T a, T b) { return a > b; };
    parallel_for(ctx, score.size(), pixels, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
            const T* const from = map.data + n * pixels;
            T* const values = copy.data() + n * pixels;
            std::copy_n(from, pixels, values);
            if (std::any_of(from, from + pixels, [](T v) { return v != v; }))
                fail(errc::value,
                     "top_k_mean: map " + std::to_string(n) + " of the batch holds a NaN");
            std::nth_element(values, values + top - 1, values + pixels, falls);
            std::sort(values, values + top, falls);
            double sum = 0;
            for (std::int64_t i = 0; i < top; ++i)
                sum += static_cast<double>(values[i]);
            score.data[n] =
                static_cast<T>(static_cast<accumulator_t<T>>(sum / static_cast<double>(top)));
        }
    });
}

} // namespace cpu

/// The image score of each map (n, h, w, 1): the mean of its k highest pixels. Not differentiated.
/// Throws errc::shape for several channels or no pixel, errc::value for k < 1 or, on the CPU, a
/// NaN; on a GPU a map with a NaN scores NaN.
template <any_context C, class T, class S>
[[nodiscard]] tensor<T, 1, S> top_k_mean(C& ctx, const tensor<T, 4, S>& map, int k = 100) {
    expect(map.extent(3) == 1, "top_k_mean", "a score map has one channel", map.dims());
    expect(map.extent(1) * map.extent(2) >= 1, "top_k_mean", "a map has a pixel", map.dims());
    expect(k >= 1, "top_k_mean", "k is at least 1");
    const auto score = empty<T>(ctx, shape<1>{{map.extent(0)}});
    top_k_mean_forward(ctx, map, k, score.view());
    return score;
}

} // namespace pfad
