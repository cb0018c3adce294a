// 3x3 convolution by Winograd's minimal filtering (Lavin and Gray, 2016): 36 products a channel for 16
// results, where the direct way has 144. For each of the 36 points f of all tiles t at once
//   M[f,t,k] = sum_c V[f,t,c] U[f,c,k],  V = BT d B of the inputs, U = G w G' of the kernels
// is one product of matrices, oneDNN's, and the results are AT M A. The gradients have the same form:
//   input   the convolution of gy with the kernels turned by half and their channels exchanged
//   weight  G' dU G, dU[f,k,c] = sum_t (A gy AT)[f,t,k] V[f,t,c]
// requires  3x3, stride 1, no dilation; channels a multiple of 16
// precision all in float, bf16 only in memory; twice the error of a direct convolution
// cost      a quarter of the direct way's multiply-adds, and 36/16 of the images through the second
//           cache; kernels four times their size. A thread takes its tiles all the way, so that
//           nothing travels between processors.
#pragma once

#include <pfad/onednn/conv2d_problem.hpp>
#include <pfad/onednn/winograd_transforms.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pfad::onednn::winograd {

/// From one of the 36 matrices to the next. A line apart from the same place in a cache.
[[nodiscard]] inline std::int64_t matrix_step(std::int64_t rows, std::int64_t columns) {
    return rows * columns;
}
[[nodiscard]] inline tensor<float, 1>
matrices(cpu::context& ctx, std::int64_t rows, std::int64_t columns) {
    return empty<float>(ctx, shape<1>{{points * points * matrix_step(rows, columns)}});
}
/// How they lie; transposed: how they are seen where their columns lie as rows.
[[nodiscard]] inline dnnl::memory::desc
describe(std::int64_t rows, std::int64_t columns, bool transposed = false) {
    const std::int64_t step = matrix_step(rows, columns);
    return {{points * points, rows, columns},
            data_type<float>,
            transposed ? dnnl::memory::dims{step, 1, rows} : dnnl::memory::dims{step, columns, 1}};
}

/// A square's vectors as one element of each of the 36 matrices.
inline void load_points(square<points>& x, const float* from, std::int64_t step) {
    for (std::size_t f = 0; f < points * points; ++f)
        load(x[f / points][f % points], from + static_cast<std::int64_t>(f) * step);
}
inline void save_points(const square<points>& x, float* to, std::int64_t step) {
    for (std::size_t f = 0; f < points * points; ++f)
        save(x[f / points][f % points], to + static_cast<std::int64_t>(f) * step);
}

/// The tiles of an image's results, row by row, image by image.
struct tiling {
    std::int64_t rows, columns, count;

    explicit tiling(const shape<4>& results)
        : rows((results[1] + tile - 1) / tile), columns((results[2] + tile - 1) / tile),
          count(results[0] * rows * columns) {}

    struct place {
        std::int64_t image, top, left;
    };
    [[nodiscard]] place operator[](std::int64_t t) const {
        return {t / (rows * columns), t / columns % rows * tile, t % columns * tile};
    }
};

/// to[f,t,c] = (M d M')[f] for the squares d of x that begin at tile first + t, less `margin`.
template <const auto& M, class T>
void transform_tiles(in<T, 4> x,
                     const tiling& tiles,
                     std::int64_t first,
                     std::int64_t count,
                     std::int64_t margin,
                     float* to) {
    const auto [n, h, w, c] = x.dims.extent;
    for (std::int64_t t = 0; t < count; ++t) {
        const auto place = tiles[first + t];
        std::int64_t const top = place.top - margin, left = place.left - margin;
        for (std::int64_t from = 0; from < c; from += lanes) {
            square<M[0].size()> d;
            for (std::size_t i = 0; i < d.size(); ++i)
                for (std::size_t j = 0; j < d.size(); ++j) {
                    std::int64_t const row = top + static_cast<std::int64_t>(i);
                    std::int64_t const column = left + static_cast<std::int64_t>(j);
                    if (row >= 0 && row < h && column >= 0 && column < w)
                        load(d[i][j],
                             x.data + ((place.image * h + row) * w + column) * c + from);
                    else
                        d[i][j] = vector{};
                }
            square<points> v;
            transform<M>(d, v);
            save_points(v, to + t * c + from, matrix_step(count, c));
        }
    }
}

/// What becomes of a result r: scale r + offset + residual, then `after`, then stored.
template <class T>
struct ending {
    const float* scale = nullptr;  ///< a value a channel, or none
    const float* offset = nullptr; ///< the same
    const T* residual = nullptr;   ///< of the results' shape, or none
    tail after = tail::none;
    store how = store::set;
};

/// y = end(AT m A) for the products m[f,t,k] of the tiles from `first` on.
template <class T>
void transform_results(const float* m,
                       const tiling& tiles,
                       std::int64_t first,
                       std::int64_t count,
                       out<T, 4> y,
                       const ending<T>& end) {
    const auto [n, h, w, k] = y.dims.extent;
    for (std::int64_t t = 0; t < count; ++t) {
        const auto place = tiles[first + t];
        std::int64_t const rows = std::min<std::int64_t>(tile, h - place.top);
        std::int64_t const columns = std::min<std::int64_t>(tile, w - place.left);
        for (std::int64_t from = 0; from < k; from += lanes) {
            square<points> products;
            load_points(products, m + t * k + from, matrix_step(count, k));
            square<tile> results;
            transform<output_transform>(products, results);
            vector scale = vector{} + 1, offset = {}, more;
            if (end.scale)
                load(scale, end.scale + from);
            if (end.offset)
                load(offset, end.offset + from);
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < columns; ++j) {
                    std::int64_t const pixel = (place.image * h + place.top + i) * w + place.left + j;
                    T* const to = y.data + pixel * k + from;
                    vector r = results[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
                    r = r * scale + offset;
                    if (end.residual) {
                        load(more, end.residual + pixel * k + from);
                        r += more;
                    }
                    if (end.after == tail::relu)
                        r = r < 0 ? vector{} : r; // a NaN stays one
                    if (end.how == store::add) {
                        load(more, to);
                        r += more;
                    }
                    save(r, to);
                }
        }
    }
}

/// u[f,c,k] = (G w[k,.,c] G')[f].
template <class T>
void transform_kernels(cpu::context& ctx, in<T, 4> w, float* u) {
    std::int64_t const k = w.extent(0), c = w.extent(3);
    const auto one = [&](std::int64_t filter, std::int64_t channel) {
        float kernels[taps * taps][lanes][lanes]; // filters innermost
        for (std::int64_t l = 0; l < lanes; ++l)
            for (std::int64_t tap = 0; tap < taps * taps; ++tap)
                for (std::int64_t i = 0; i < lanes; ++i)
                    kernels[tap][i][l] = static_cast<float>(
                        w.data[((filter + l) * taps * taps + tap) * c + channel + i]);
        for (std::int64_t i = 0; i < lanes; ++i) {
            square<taps> x;
            for (std::size_t tap = 0; tap < taps * taps; ++tap)
                load(x[tap / taps][tap % taps], kernels[tap][i]);
            square<points> r;
            transform<kernel_transform>(x, r);
            save_points(r, u + (channel + i) * k + filter, matrix_step(c, k));
        }
    };
    std::int64_t const blocks = k / lanes;
    cpu::parallel_for(ctx, blocks * (c / lanes), points * points * lanes * lanes,
                      [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t i = begin; i < end; ++i)
                              one(i % blocks * lanes, i / blocks * lanes);
                      });
}

/// u[f,k,c] = (G w[k,.,c] G')[f], w turned by half.
template <class T>
void transform_turned_kernels(cpu::context& ctx, in<T, 4> w, float* u) {
    std::int64_t const k = w.extent(0), c = w.extent(3);
    cpu::parallel_for(ctx, k, points * points * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t from = 0; from < c; from += lanes) {
                square<taps> x;
                for (std::size_t tap = 0; tap < taps * taps; ++tap)
                    load(x[2 - tap / taps][2 - tap % taps],
                         w.data + (i * taps * taps + static_cast<std::int64_t>(tap)) * c + from);
                square<points> r;
                transform<kernel_transform>(x, r);
                save_points(r, u + i * c + from, matrix_step(k, c));
            }
    });
}

/// gw[k] = G' (sum over p of gu[p,.,k]) G.
inline void transform_kernel_gradients(
    cpu::context& ctx, const float* gu, int parts, out<float, 4> gw, store how) {
    std::int64_t const k = gw.extent(0), c = gw.extent(3), step = matrix_step(k, c);
    cpu::parallel_for(ctx, k, points * points * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t from = 0; from < c; from += lanes) {
                square<points> sum, more;
                load_points(sum, gu + i * c + from, step);
                for (int p = 1; p < parts; ++p) {
                    load_points(more, gu + p * points * points * step + i * c + from, step);
                    for (std::size_t f = 0; f < points * points; ++f)
                        sum[f / points][f % points] += more[f / points][f % points];
                }
                square<taps> r;
                transform<kernel_gradient_transform>(sum, r);
                for (std::size_t tap = 0; tap < taps * taps; ++tap) {
                    float* const to =
                        gw.data + (i * taps * taps + static_cast<std::int64_t>(tap)) * c + from;
                    vector old = {};
                    if (how == store::add)
                        load(old, to);
                    save(r[tap / taps][tap % taps] + old, to);
                }
            }
    });
}

/// One of three products of 36 matrices.
enum class product {
    image,       ///< (tiles, c) by (c, k)
    kernel,      ///< (tiles, k)' by (tiles, c)
    kernel_added ///< the same, added to what is there
};

[[nodiscard]] inline std::string product_name() { return "the products of a Winograd convolution"; }

/// A product of (rows, inner) by (inner, columns), planned for one thread.
[[nodiscard]] inline step plan_product(
    context& ctx, product which, std::int64_t rows, std::int64_t inner, std::int64_t columns) {
    const auto make = [&] {
        const auto x = describe(rows, inner, which != product::image);
        const auto y = describe(inner, columns), result = describe(rows, columns);
        auto attributes = user_scratchpad();
        if (which == product::kernel_added) {
            dnnl::post_ops after;
            after.append_sum(1.0f);
            attributes.set_post_ops(after);
        }
#if DNNL_VERSION_MAJOR >= 3
        const dnnl::matmul::primitive_desc made(ctx.engine, x, y, result, attributes);
#else
        const dnnl::matmul::primitive_desc made({x, y, result}, attributes, ctx.engine);
#endif
        plan steps;
        steps.main = {dnnl::matmul(made),
                      made,
                      {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, y}, {DNNL_ARG_DST, result}}};
        return steps;
    };
    const primitive_key key = {.op = operation::winograd_product,
                               .element = data_type<float>,
                               .a = {rows, inner, columns, static_cast<std::int64_t>(which)}};
    step result;
    run_alone(ctx, product_name, [&] { result = ctx.plan_of(key, make).main; });
    return result;
}

/// result = x y, by the calling thread alone.
inline void multiply(context& ctx, const step& plan, const float* x, const float* y, float* result) {
    name_failures(product_name, [&] { plan.execute_alone(ctx, x, y, result); });
}

/// The transformed kernels of w: kept with its stamp, or in `temporary`.
template <class T>
[[nodiscard]] const float* kernels_of(context& ctx,
                                      in<T, 4> w,
                                      const weight_stamp& stamp,
                                      packed_weights::copy& temporary) {
    std::lock_guard const turn(ctx.turn);
    const auto layout = describe(w.extent(3), w.extent(0));
    if (!stamp.identity())
        temporary = packed_weights::make(ctx, layout);
    auto& copy = stamp.identity()
                     ? ctx.weights.of(ctx, stamp, layout, packed_weights::form::winograd)
                     : temporary;
    auto* const kernels = reinterpret_cast<float*>(copy.bytes.data());
    if (!copy.holds(stamp, {})) {
        transform_kernels<T>(ctx, w, kernels);
        copy.mark(stamp, {});
    }
    return kernels;
}

/// Tiles in ranges of nearly equal size, and what a thread computes: several of them, one by one.
struct schedule {
    std::int64_t tiles, size, ranges;
    int parts;

    /// Ranges of up to `most` tiles.
    schedule(context& ctx, const tiling& all, std::int64_t most) : tiles(all.count) {
        std::int64_t const threads = ctx.threads->width();
        std::int64_t const rounds = (tiles + threads * most - 1) / (threads * most);
        size = (tiles + threads * rounds - 1) / (threads * rounds);
        ranges = (tiles + size - 1) / size;
        parts = static_cast<int>(std::min(ranges, threads));
    }
    /// The size of the last range, perhaps smaller.
    [[nodiscard]] std::int64_t rest() const { return tiles - (ranges - 1) * size; }

    /// Calls f(first, count) for the ranges of one part.
    template <class F>
    void each(int part, F&& f) const {
        for (std::int64_t i = ranges * part / parts; i < ranges * (part + 1) / parts; ++i)
            f(i * size, std::min(size, tiles - i * size));
    }
};

/// y = the convolution of x with transformed kernels, `margin` beyond its edges.
template <class T>
void convolve(context& ctx,
              in<T, 4> x,
              const float* kernels,
              out<T, 4> y,
              std::int64_t margin,
              const ending<T>& end) {
    std::int64_t const c = x.extent(3), k = y.extent(3);
    const tiling tiles(y.dims);
    const schedule work(ctx, tiles, 48);
    const step whole = plan_product(ctx, product::image, work.size, c, k);
    const step rest = plan_product(ctx, product::image, work.rest(), c, k);
    cpu::run_parts(ctx, work.parts, [&](int part) {
        const auto v = matrices(ctx, work.size, c), m = matrices(ctx, work.size, k);
        work.each(part, [&](std::int64_t first, std::int64_t count) {
            transform_tiles<input_transform, T>(x, tiles, first, count, margin, v.data());
            multiply(ctx, count == work.size ? whole : rest, v.data(), kernels, m.data());
            transform_results<T>(m.data(), tiles, first, count, y, end);
        });
    });
}

/// y = end(conv2d(x, w)); the transformed kernels are kept where there is a stamp.
template <class T>
void forward(context& ctx,
             in<T, 4> x,
             in<T, 4> w,
             out<T, 4> y,
             conv2d_geometry g,
             const weight_stamp& stamp,
             const ending<T>& end) {
    packed_weights::copy temporary;
    convolve<T>(ctx, x, kernels_of<T>(ctx, w, stamp, temporary), y, g.padding, end);
}

template <class T>
void backward_input(
    context& ctx, in<T, 4> gy, in<T, 4> w, out<T, 4> gx, store how, conv2d_geometry g) {
    const auto kernels = matrices(ctx, w.extent(0), w.extent(3));
    transform_turned_kernels<T>(ctx, w, kernels.data());
    convolve<T>(ctx, gy, kernels.data(), gx, taps - 1 - g.padding, ending<T>{.how = how});
}

template <class T>
void backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<float, 4> gw, store how, conv2d_geometry g) {
    std::int64_t const c = x.extent(3), k = gy.extent(3);
    const tiling tiles(gy.dims);
    const schedule work(ctx, tiles, 128);
    const auto plans = [&](std::int64_t count) {
        return std::array{plan_product(ctx, product::kernel, k, count, c),
                          plan_product(ctx, product::kernel_added, k, count, c)};
    };
    const auto whole = plans(work.size), rest = plans(work.rest());
    std::int64_t const step = points * points * matrix_step(k, c);
    const auto gu = empty<float>(ctx, shape<1>{{work.parts * step}});
    cpu::run_parts(ctx, work.parts, [&](int part) {
        const auto v = matrices(ctx, work.size, c), gm = matrices(ctx, work.size, k);
        std::size_t added = 0;
        work.each(part, [&](std::int64_t first, std::int64_t count) {
            transform_tiles<input_transform, T>(x, tiles, first, count, g.padding, v.data());
            transform_tiles<output_gradient_transform, T>(gy, tiles, first, count, 0, gm.data());
            multiply(ctx, (count == work.size ? whole : rest)[added], gm.data(), v.data(),
                     gu.data() + part * step);
            added = 1;
        });
    });
    transform_kernel_gradients(ctx, gu.data(), work.parts, gw, how);
}

/// Whether this is faster than a direct convolution, or gradient; `kept`: the transformed kernels are
/// there already. Measured by bench_ops. What is saved grows with the tiles, what kernels cost does not, and
/// more so where they do not stay in the last cache. Direct convolutions of bf16 take half the time.
[[nodiscard]] inline bool pays(const conv2d_problem& p, bool kept) {
    const std::int64_t c = p.x[3], k = p.w[0], tiles = tiling(p.y).count;
    const bool exact = p.element == data_type<float>;
    if (std::min(c, k) < (exact ? 32 : 128) || (!exact && has_amx()))
        return false;
    if (p.op == operation::conv2d_backward_weight)
        return tiles >= std::max<std::int64_t>(exact ? 32 : 256, c * k / (exact ? 1024 : 256));
    return tiles >= 16 && (kept || tiles >= c * k / (exact ? 4096 : 1024));
}

/// Whether this can compute a convolution.
[[nodiscard]] inline bool applies(const conv2d_problem& p) {
    return p.w[1] == taps && p.w[2] == taps && p.g.stride == 1 && p.g.dilation == 1 &&
           p.g.padding < taps && p.x[3] % lanes == 0 && p.w[0] % lanes == 0;
}

/// Whether a problem is computed this way: see pays. `kept` as there.
[[nodiscard]] inline bool is_chosen(const context& ctx, const conv2d_problem& p, bool kept = false) {
    return applies(p) && ctx.convolutions != conv2d_algorithm::direct &&
           (ctx.convolutions == conv2d_algorithm::winograd || pays(p, kept));
}

} // namespace pfad::onednn::winograd
