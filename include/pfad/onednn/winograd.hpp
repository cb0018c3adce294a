// 3x3 convolution by Winograd's minimal filtering (Lavin and Gray, 2016): 36 products a channel for 16
// results, where the direct way has 144. For each of the 36 points f and all tiles t at once
//   M[f,t,k] = sum_c V[f,t,c] U[f,c,k],  V = BT d B of the inputs d, U = G w G' of the kernels
// is a product of matrices, oneDNN's, and the results are AT M A. The gradients have the same form:
//   input   the convolution of gy with the kernels turned by half and their channels exchanged
//   weight  G' dU G, dU[f,k,c] = sum_t (A gy AT)[f,t,k] V[f,t,c]
// requires  3x3, stride 1, no dilation, padding 0 to 2; channels a multiple of 16
// precision all in float, bf16 only in memory; twice the error of a direct convolution
// cost      a quarter of the direct way's multiply-adds; images pass the last cache 36/16 times as
//           large, kernels are transformed a few filters at a time and stay in the second
#pragma once

#include <pfad/onednn/conv2d_problem.hpp>
#include <pfad/onednn/winograd_products.hpp>
#include <pfad/onednn/winograd_tiles.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>

namespace pfad::onednn::winograd {

/// `count` things in pieces of `size`, the last perhaps smaller.
struct pieces {
    /// Things, and things in a piece.
    std::int64_t count, size;

    /// Of nearly equal size, `most` at most.
    static pieces even(std::int64_t count, std::int64_t most) {
        const std::int64_t number = (count + most - 1) / most;
        return {count, (count + number - 1) / number};
    }
    /// Number of pieces.
    [[nodiscard]] std::int64_t number() const { return (count + size - 1) / size; }
    /// Things in piece i.
    [[nodiscard]] std::int64_t extent(std::int64_t i) const {
        return std::min(size, count - i * size);
    }
    /// Things in the last piece.
    [[nodiscard]] std::int64_t rest() const { return extent(number() - 1); }
    /// First and count of piece i.
    [[nodiscard]] run operator[](std::int64_t i) const { return {i * size, extent(i)}; }
};

/// Tiles, and filters, that are multiplied together: the kernels of these filters and the products
/// stay in the second cache.
inline constexpr std::int64_t tiles_together = 64, filters_together = 32; ///< of each
/// Values of transformed images between the transform and the product: they stay in the last cache.
inline constexpr std::int64_t group_size = 1 << 21;

/// Filters in blocks, small enough that every thread has one where that can be.
[[nodiscard]] inline pieces blocks_of(const context& ctx, std::int64_t filters) {
    const std::int64_t share = filters / ctx.threads->width() / lanes * lanes;
    return {filters, std::min(filters, std::clamp(share, lanes, filters_together))};
}

/// Calls f(first, ranges) for groups of tiles from `first` on whose transforms stay in a cache.
template <class F>
void for_groups(const pieces& all, std::int64_t channels, F&& f) {
    const std::int64_t fit = group_size / matrices(all.size, channels);
    const auto groups = pieces::even(all.number(), std::max<std::int64_t>(1, fit));
    for (std::int64_t i = 0; i < groups.number(); ++i) {
        const std::int64_t first = groups[i].first * all.size;
        f(first, pieces{std::min(all.count - first, groups.size * all.size), all.size});
    }
}

/// Transforms of a group of tiles: for every range, and in it for every block of channels, the 36
/// matrices one after the other.
struct transformed_images {
    /// Of the tiles, and of the channels.
    pieces ranges, blocks;
    tensor<float, 1> values; ///< all of them

    /// Of tiles and channels cut like this.
    transformed_images(cpu::context& ctx, const pieces& all, const pieces& channels)
        : ranges(all), blocks(channels),
          values(empty<float>(ctx, shape<1>{{matrices(all.count, channels.count)}})) {}

    /// The 36 matrices of a range of tiles and a block of channels.
    [[nodiscard]] float* at(std::int64_t range, std::int64_t block) const {
        return values.data() + matrices(range * ranges.size, blocks.count) +
               matrices(ranges.extent(range), block * blocks.size);
    }
    /// Writes the transform of x at one tile of the group.
    template <const auto& M, class T>
    void set(std::int64_t t, in<T, 4> x, const tiling::place& place, std::int64_t margin) const {
        const std::int64_t range = t / ranges.size, row = t % ranges.size;
        for (std::int64_t b = 0; b < blocks.number(); ++b)
            transform_tile<M, T>(x, place, margin, blocks[b], at(range, b) + row * blocks.extent(b),
                                 ranges.extent(range) * blocks.extent(b));
    }
};

/// y = end(the convolution of x, `margin` beyond its edges). kernels(most) is a thread's own function
/// of some filters, `most` of them or fewer, to their transformed kernels.
template <class T, class Kernels>
void convolve(context& ctx,
              in<T, 4> x,
              const Kernels& kernels,
              out<T, 4> y,
              std::int64_t margin,
              const ending<T>& end) {
    const std::int64_t c = x.extent(3);
    const tiling tiles(y.dims);
    const auto all = pieces::even(tiles.count, tiles_together);
    const auto blocks = blocks_of(ctx, y.extent(3));
    const auto plans = [&](std::int64_t rows) {
        return std::array{plan_product(ctx, product::image, rows, c, blocks.size),
                          plan_product(ctx, product::image, rows, c, blocks.rest())};
    };
    const std::array by_range = {plans(all.size), plans(all.rest())};
    for_groups(all, c, [&](std::int64_t first, const pieces& ranges) {
        const transformed_images v(ctx, ranges, {c, c});
        cpu::parallel_for(ctx, ranges.count, matrices(1, c),
                          [&](std::int64_t begin, std::int64_t last) {
                              for (std::int64_t t = begin; t < last; ++t)
                                  v.set<input_transform, T>(t, x, tiles[first + t], margin);
                          });
        const std::int64_t items = blocks.number() * ranges.number();
        const int parts = static_cast<int>(std::min<std::int64_t>(items, ctx.threads->width()));
        cpu::run_parts(ctx, parts, [&](int part) {
            auto maker = kernels(blocks.size);
            const auto m = empty<float>(ctx, shape<1>{{matrices(ranges.size, blocks.size)}});
            const float* u = nullptr;
            const std::int64_t begin = items * part / parts;
            for (std::int64_t i = begin; i < items * (part + 1) / parts; ++i) {
                const std::int64_t b = i / ranges.number(), r = i % ranges.number();
                const std::int64_t rows = ranges.extent(r), columns = blocks.extent(b);
                if (i == begin || r == 0)
                    u = maker(blocks[b]);
                multiply(ctx, by_range[rows < all.size][columns < blocks.size], v.at(r, 0), u,
                         m.data());
                for (std::int64_t t = 0; t < rows; ++t)
                    transform_result<T>(m.data() + t * columns, rows * columns,
                                        tiles[first + r * ranges.size + t], blocks[b], y, end);
            }
        });
    });
}

/// The transformed kernels of a stamped weight, block by block.
template <class T>
[[nodiscard]] const float* kept_kernels(context& ctx, in<T, 4> w, const weight_stamp& stamp) {
    const std::int64_t k = w.extent(0), c = w.extent(3);
    float* u = nullptr;
    const std::lock_guard turn(ctx.turn);
    name_failures(product_name, [&] {
        const dnnl::memory::desc layout({frequencies, c, k}, data_type<float>,
                                        dnnl::memory::format_tag::abc);
        auto& copy = ctx.weights.of(ctx, stamp, layout, packed_weights::form::winograd);
        u = reinterpret_cast<float*>(copy.bytes.data());
        if (!copy.holds(stamp, {})) {
            copy.filled = false;
            const auto blocks = blocks_of(ctx, k);
            cpu::parallel_for(ctx, blocks.number(), matrices(c, blocks.size),
                              [&](std::int64_t begin, std::int64_t end) {
                                  for (std::int64_t b = begin; b < end; ++b)
                                      transform_kernels<T>(w, blocks[b],
                                                           u + matrices(c, blocks[b].first));
                              });
            copy.mark(stamp, {});
        }
    });
    return u;
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
    if (stamp.identity()) {
        const float* const kept = kept_kernels<T>(ctx, w, stamp);
        const auto there = [&](std::int64_t) {
            return [&](run filters) { return kept + matrices(w.extent(3), filters.first); };
        };
        convolve<T>(ctx, x, there, y, g.padding, end);
    } else {
        const auto made = [&](std::int64_t most) {
            return [&, room = empty<float>(ctx, shape<1>{{matrices(w.extent(3), most)}})](
                       run filters) {
                transform_kernels<T>(w, filters, room.data());
                return room.data();
            };
        };
        convolve<T>(ctx, x, made, y, g.padding, end);
    }
}

/// gx of a problem that is_chosen, as conv2d_backward_input.
template <class T>
void backward_input(
    context& ctx, in<T, 4> gy, in<T, 4> w, out<T, 4> gx, store how, conv2d_geometry g) {
    const auto turned = [&](std::int64_t most) {
        return
            [&, room = empty<float>(ctx, shape<1>{{matrices(w.extent(0), most)}})](run channels) {
                transform_turned_kernels<T>(w, channels, room.data());
                return room.data();
            };
    };
    convolve<T>(ctx, gy, turned, gx, taps - 1 - g.padding, ending<T>{.how = how});
}

/// gw of a problem that is_chosen, as conv2d_backward_weight.
template <class T>
void backward_weight(
    context& ctx, in<T, 4> x, in<T, 4> gy, out<float, 4> gw, store how, conv2d_geometry g) {
    const std::int64_t c = x.extent(3), k = gy.extent(3);
    const tiling tiles(gy.dims);
    const auto all = pieces::even(tiles.count, tiles_together);
    const auto blocks = blocks_of(ctx, k);
    const auto plans = [&](product which, std::int64_t inner) {
        return std::array{plan_product(ctx, which, blocks.size, inner, c),
                          plan_product(ctx, which, blocks.rest(), inner, c)};
    };
    const auto by_range = [&](std::int64_t inner) {
        return std::array{plans(product::kernel, inner), plans(product::kernel_added, inner)};
    };
    const std::array by_size = {by_range(all.size), by_range(all.rest())};
    for_groups(all, c + k, [&](std::int64_t first, const pieces& ranges) {
        const transformed_images v(ctx, ranges, {c, c}), gm(ctx, ranges, blocks);
        cpu::parallel_for(ctx, ranges.count, matrices(1, c + k),
                          [&](std::int64_t begin, std::int64_t end) {
                              for (std::int64_t t = begin; t < end; ++t) {
                                  v.set<input_transform, T>(t, x, tiles[first + t], g.padding);
                                  gm.set<output_gradient_transform, T>(t, gy, tiles[first + t], 0);
                              }
                          });
        cpu::parallel_for(ctx, blocks.number(), matrices(ranges.count, c),
                          [&](std::int64_t begin, std::int64_t end) {
                              const auto gu =
                                  empty<float>(ctx, shape<1>{{matrices(blocks.size, c)}});
                              for (std::int64_t b = begin; b < end; ++b) {
                                  for (std::int64_t r = 0; r < ranges.number(); ++r) {
                                      const auto& plan =
                                          by_size[ranges.extent(r) < all.size][r > 0];
                                      multiply(ctx, plan[blocks.extent(b) < blocks.size],
                                               gm.at(r, b), v.at(r, 0), gu.data());
                                  }
                                  transform_kernel_gradients(gu.data(), blocks[b], gw,
                                                             first == 0 ? how : store::add);
                              }
                          });
    });
}

/// Whether this can compute a convolution.
[[nodiscard]] inline bool applies(const conv2d_problem& p) {
    return p.w[1] == taps && p.w[2] == taps && p.g.stride == 1 && p.g.dilation == 1 &&
           p.g.padding < taps && p.x[3] % lanes == 0 && p.w[0] % lanes == 0 && p.x.size() > 0 &&
           p.y.size() > 0;
}

/// Whether this is faster than a direct convolution, or gradient, as bench_ops measures them, on so
/// many threads; `kept`: the transformed kernels serve more than one call. What is saved grows with the
/// tiles, what kernels cost does not. Direct convolutions of bf16 take half the time. A weight's gradient
/// is shared out by filters.
[[nodiscard]] inline bool pays(const conv2d_problem& p, int threads, bool kept) {
    const std::int64_t c = p.x[3], k = p.w[0];
    const bool forward = p.op != operation::conv2d_backward_input;
    const std::int64_t tiles = tiling(forward ? p.y : p.x).count;
    if (std::min(c, k) < 32)
        return false;
    if (p.element != data_type<float> && (has_amx() || std::min(c, k) < 256 || tiles < 64))
        return false;
    if (p.op == operation::conv2d_backward_weight)
        return tiles >= 8 && k >= lanes * threads;
    return tiles >= (kept ? 8 : std::max<std::int64_t>(16, c * k / 16384));
}

/// Whether a problem is computed this way: see pays. `kept` as there.
[[nodiscard]] inline bool
is_chosen(const context& ctx, const conv2d_problem& p, bool kept = false) {
    return applies(p) && ctx.convolutions != conv2d_algorithm::direct &&
           (ctx.convolutions == conv2d_algorithm::winograd || pays(p, ctx.threads->width(), kept));
}

} // namespace pfad::onednn::winograd
