// Tiles of images and kernels to and from the 36 matrices of a Winograd convolution.
#pragma once

#include <pfad/onednn/winograd_transforms.hpp>
#include <pfad/ops/batch_norm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pfad::onednn::winograd {

/// 36 matrices, one after the other.
[[nodiscard]] inline std::int64_t matrices(std::int64_t rows, std::int64_t columns) {
    return frequencies * rows * columns;
}

/// A square's vectors as one element of each of the 36 matrices.
inline void load_all(square<points>& x, const float* from, std::int64_t step) {
    for (std::size_t f = 0; f < frequencies; ++f)
        load(x[f / points][f % points], from + static_cast<std::int64_t>(f) * step);
}
/// The opposite of load_all.
inline void save_all(const square<points>& x, float* to, std::int64_t step) {
    for (std::size_t f = 0; f < frequencies; ++f)
        save(x[f / points][f % points], to + static_cast<std::int64_t>(f) * step);
}

/// The tiles of an image's results, row by row, image by image.
struct tiling {
    /// Tiles down and across an image, and in the batch.
    std::int64_t rows, columns, count;

    /// Of results (n, h, w, k).
    explicit tiling(const shape<4>& results)
        : rows((results[1] + tile - 1) / tile), columns((results[2] + tile - 1) / tile),
          count(results[0] * rows * columns) {}

    /// Where a tile's results begin.
    struct place {
        /// Number of the image; pixels from its upper left corner.
        std::int64_t image, top, left;
    };
    /// The place of tile t.
    [[nodiscard]] place operator[](std::int64_t t) const {
        return {t / (rows * columns), t / columns % rows * tile, t % columns * tile};
    }
};

/// A run of channels.
struct run {
    /// The first channel, and how many.
    std::int64_t first, count;
};

/// to[f * step + c] = (M d M')[f] for some channels c of the square d of x at a tile, `margin` beyond
/// its top and left.
template <const auto& M, class T>
void transform_tile(in<T, 4> x,
                    const tiling::place& at,
                    std::int64_t margin,
                    run channels,
                    float* to,
                    std::int64_t step) {
    const auto [n, h, w, c] = x.dims.extent;
    const std::int64_t top = at.top - margin, left = at.left - margin;
    for (std::int64_t from = 0; from < channels.count; from += lanes) {
        square<M[0].size()> d;
        for (std::size_t i = 0; i < d.size(); ++i)
            for (std::size_t j = 0; j < d.size(); ++j) {
                const std::int64_t row = top + static_cast<std::int64_t>(i);
                const std::int64_t column = left + static_cast<std::int64_t>(j);
                if (row >= 0 && row < h && column >= 0 && column < w)
                    load(d[i][j],
                         x.data + ((at.image * h + row) * w + column) * c + channels.first + from);
                else
                    d[i][j] = vector{};
            }
        square<points> v;
        transform<M>(d, v);
        save_all(v, to + from, step);
    }
}

/// What becomes of a result r: scale r + offset + residual, then `after`, then stored.
template <class T>
struct ending {
    const float* scale = nullptr;  ///< a value a channel, or none
    const float* offset = nullptr; ///< the same
    const T* residual = nullptr;   ///< of the results' shape, or none
    post after = post::none;       ///< what is done last
    store how = store::set;        ///< whether results are set or added
};

/// y = end(AT m A) for some channels k of a tile, with m[f] at products[f * step + k].
template <class T>
void transform_result(const float* products,
                      std::int64_t step,
                      const tiling::place& at,
                      run channels,
                      out<T, 4> y,
                      const ending<T>& end) {
    const auto [n, h, w, k] = y.dims.extent;
    const std::int64_t rows = std::min<std::int64_t>(tile, h - at.top);
    const std::int64_t columns = std::min<std::int64_t>(tile, w - at.left);
    for (std::int64_t from = 0; from < channels.count; from += lanes) {
        square<points> m;
        load_all(m, products + from, step);
        square<tile> results;
        transform<output_transform>(m, results);
        const std::int64_t channel = channels.first + from;
        vector scale = vector{} + 1, offset = {}, more;
        if (end.scale)
            load(scale, end.scale + channel);
        if (end.offset)
            load(offset, end.offset + channel);
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; ++j) {
                const std::int64_t to =
                    ((at.image * h + at.top + i) * w + at.left + j) * k + channel;
                vector r = results[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
                r = r * scale + offset;
                if (end.residual) {
                    load(more, end.residual + to);
                    r += more;
                }
                if (end.after == post::relu)
                    r = r < 0 ? vector{} : r; // a NaN stays one
                if (end.how == store::add) {
                    load(more, y.data + to);
                    r += more;
                }
                save(r, y.data + to);
            }
    }
}

/// u[f,c,k] = (G w[k,.,c] G')[f] for some filters k: the kernels of a convolution.
template <class T>
void transform_kernels(in<T, 4> w, run filters, float* u) {
    const std::int64_t c = w.extent(3);
    for (std::int64_t at = 0; at < filters.count; at += lanes)
        for (std::int64_t channel = 0; channel < c; channel += lanes) {
            const T* const from = w.data + (filters.first + at) * taps * taps * c + channel;
            float kernels[taps * taps][lanes][lanes]; // filters innermost
            for (std::int64_t l = 0; l < lanes; ++l)
                for (std::int64_t tap = 0; tap < taps * taps; ++tap)
                    for (std::int64_t i = 0; i < lanes; ++i)
                        kernels[tap][i][l] =
                            static_cast<float>(from[(l * taps * taps + tap) * c + i]);
            for (std::int64_t i = 0; i < lanes; ++i) {
                square<taps> x;
                for (std::size_t tap = 0; tap < taps * taps; ++tap)
                    load(x[tap / taps][tap % taps], kernels[tap][i]);
                square<points> r;
                transform<kernel_transform>(x, r);
                save_all(r, u + (channel + i) * filters.count + at, c * filters.count);
            }
        }
}

/// u[f,k,c] = (G w[k,.,c] G')[f], w turned by half, for some channels c: the kernels of the gradient
/// of the input.
template <class T>
void transform_turned_kernels(in<T, 4> w, run channels, float* u) {
    const std::int64_t k = w.extent(0), c = w.extent(3);
    for (std::int64_t i = 0; i < k; ++i)
        for (std::int64_t from = 0; from < channels.count; from += lanes) {
            square<taps> x;
            for (std::size_t tap = 0; tap < taps * taps; ++tap)
                load(x[2 - tap / taps][2 - tap % taps],
                     w.data + (i * taps * taps + static_cast<std::int64_t>(tap)) * c +
                         channels.first + from);
            square<points> r;
            transform<kernel_transform>(x, r);
            save_all(r, u + i * channels.count + from, k * channels.count);
        }
}

/// gw[k] = G' gu[.,k] G for some filters k.
inline void transform_kernel_gradients(const float* gu, run filters, out<float, 4> gw, store how) {
    const std::int64_t c = gw.extent(3);
    for (std::int64_t i = 0; i < filters.count; ++i)
        for (std::int64_t from = 0; from < c; from += lanes) {
            square<points> x;
            load_all(x, gu + i * c + from, filters.count * c);
            square<taps> r;
            transform<kernel_gradient_transform>(x, r);
            for (std::size_t tap = 0; tap < taps * taps; ++tap) {
                float* const to =
                    gw.data +
                    ((filters.first + i) * taps * taps + static_cast<std::int64_t>(tap)) * c + from;
                vector old = {};
                if (how == store::add)
                    load(old, to);
                save(r[tap / taps][tap % taps] + old, to);
            }
        }
}

} // namespace pfad::onednn::winograd
