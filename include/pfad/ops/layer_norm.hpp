// Layer normalisation over the channels of every position (Ba et al. 2016).
//   y = weight xhat + bias,  xhat = (x - mean) / sqrt(var + epsilon)
// x, y (n, h, w, c); weight, bias (c); mean and biased variance over the c values of a position
// requires  one weight and one bias a channel
// gradient  gx = inv (g - mean(g) - xhat mean(g xhat)), g = weight gy, inv = 1 / sqrt(var + epsilon);
//           gweight = sum gy xhat; gbias = sum gy
// saves     x; mean and inv of every position
// precision two passes for the variance; on the CPU the mean, gweight and gbias in double, in fixed chunks
// cost      1 read 1 write; backward 4 reads 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/add.hpp>

#include <cmath>
#include <cstdint>

namespace pfad {

/// Added to the variance by default, as in PyTorch.
inline constexpr double layer_norm_epsilon = 1e-5;

namespace cpu {

/// y (n, h, w, c) of x; `statistics` (positions, 2) gets mean and 1 / sqrt(var + epsilon).
template <class T>
void layer_norm_forward(context& ctx,
                        in<T, 4> x,
                        in<accumulator_t<T>, 1> weight,
                        in<accumulator_t<T>, 1> bias,
                        double epsilon,
                        out<accumulator_t<T>, 2> statistics,
                        out<T, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t c = weight.size();
    parallel_for(ctx, statistics.extent(0), 4 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const T* const from = x.data + row * c;
            double sum = 0;
            A squares = 0;
            for (std::int64_t i = 0; i < c; ++i)
                sum += static_cast<double>(from[i]);
            const A mean = static_cast<A>(sum / static_cast<double>(c));
            for (std::int64_t i = 0; i < c; ++i)
                squares += (from[i] - mean) * (from[i] - mean);
            const A inverse =
                A(1) / std::sqrt(squares / static_cast<A>(c) + static_cast<A>(epsilon));
            for (std::int64_t i = 0; i < c; ++i)
                y.data[row * c + i] =
                    static_cast<T>((from[i] - mean) * inverse * weight.data[i] + bias.data[i]);
            statistics(row, 0) = mean;
            statistics(row, 1) = inverse;
        }
    });
}

/// gx from x, gy and the statistics.
template <class T>
void layer_norm_backward_input(context& ctx,
                               in<T, 4> x,
                               in<T, 4> gy,
                               in<accumulator_t<T>, 1> weight,
                               in<accumulator_t<T>, 2> statistics,
                               out<T, 4> gx,
                               store how) {
    using A = accumulator_t<T>;
    const std::int64_t c = weight.size();
    parallel_for(ctx, statistics.extent(0), 4 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const T* const from = x.data + row * c;
            const T* const g = gy.data + row * c;
            const A mean = statistics(row, 0), inverse = statistics(row, 1);
            A sum = 0, along = 0;
            for (std::int64_t i = 0; i < c; ++i) {
                sum += weight.data[i] * g[i];
                along += weight.data[i] * g[i] * ((from[i] - mean) * inverse);
            }
            sum /= static_cast<A>(c);
            along /= static_cast<A>(c);
            for (std::int64_t i = 0; i < c; ++i)
                put(gx.data[row * c + i],
                    inverse * (weight.data[i] * g[i] - sum - (from[i] - mean) * inverse * along),
                    how);
        }
    });
}

/// sums (2 c): gweight, then gbias.
template <class T>
void layer_norm_backward_sums(context& ctx,
                              in<T, 4> x,
                              in<T, 4> gy,
                              in<accumulator_t<T>, 2> statistics,
                              out<accumulator_t<T>, 1> sums) {
    using A = accumulator_t<T>;
    const std::int64_t c = sums.size() / 2;
    const auto split = fixed_chunks::of(statistics.extent(0), 64);
    const auto partial = full(ctx, shape<2>{{split.size(), 2 * c}}, 0.0);
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        double* const of_weight = partial.data() + chunk * 2 * c;
        double* const of_bias = of_weight + c;
        for (std::int64_t row = begin; row < end; ++row) {
            const A mean = statistics(row, 0), inverse = statistics(row, 1);
            for (std::int64_t i = 0; i < c; ++i) {
                const A g = gy.data[row * c + i];
                of_weight[i] += static_cast<double>(g * ((x.data[row * c + i] - mean) * inverse));
                of_bias[i] += static_cast<double>(g);
            }
        }
    });
    for (std::int64_t i = 0; i < 2 * c; ++i) {
        double sum = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk)
            sum += partial.data()[chunk * 2 * c + i];
        sums.data[i] = static_cast<A>(sum);
    }
}

} // namespace cpu

/// Normalises every position of x (n, h, w, c) over its channels; then weight and bias (c).
template <class C, class T, class S>
maps<T, S> layer_norm(tape<C>& t,
                      const maps<T, S>& x,
                      const parameter<accumulator_t<T>, 1, S>& weight,
                      const parameter<accumulator_t<T>, 1, S>& bias,
                      double epsilon = layer_norm_epsilon) {
    const std::int64_t c = x.extent(3);
    expect(weight.dims()[0] == c && bias.dims()[0] == c, "layer_norm",
           "one weight and one bias a channel", x.dims(), weight.dims(), bias.dims());
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x, weight, bias));
    const auto statistics =
        empty<accumulator_t<T>>(t.context, shape<2>{{x.extent(0) * x.extent(1) * x.extent(2), 2}});
    layer_norm_forward(t.context, x.value, weight.value, bias.value, epsilon, statistics.view(),
                       y.value.view());
    t.record(y, [x, weight, bias, statistics](C& ctx, in<T, 4> gy) {
        const std::int64_t channels = x.extent(3);
        const auto sums = empty<accumulator_t<T>>(ctx, shape<1>{{2 * channels}});
        layer_norm_backward_sums<T>(ctx, x.value, gy, statistics, sums.view());
        const auto gw = weight.slot->claim(ctx, weight.dims());
        accumulate_forward(ctx, sums.slice(0, weight.dims()), gw.to, gw.how);
        const auto gb = bias.slot->claim(ctx, bias.dims());
        accumulate_forward(ctx, sums.slice(channels, bias.dims()), gb.to, gb.how);
        if (x.slot) {
            const auto g = x.slot->claim(ctx, x.dims());
            layer_norm_backward_input(ctx, x.value, gy, weight.value, statistics, g.to, g.how);
        }
    });
    return y;
}

} // namespace pfad
