// Batch normalisation over all axes but the last, with an optional residual and ReLU in one pass.
//   y = act(weight (x - mean) / sqrt(var + epsilon) + bias + residual)
// train     mean and biased variance of the batch; running <- (1 - momentum) running + momentum
//           batch, where the running variance takes the unbiased one
// eval      the running statistics, which stay
// requires  c channels everywhere; in training at least two values a channel
// gradient  train: gx = weight inv (g - mean(g) - xhat mean(g xhat)); eval: gx = weight inv g;
//           gweight = sum g xhat; gbias = sum g; gresidual = g;
//           g = gy where y > 0, if there is a ReLU
// precision statistics in double over float sums of 64 rows; any number of threads, the same bits
// cost      forward 2 reads 1 write (eval 1 read); backward 2 passes over x, gy (and y), 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>
#include <pfad/ops/add.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pfad {

/// What an op does last, in the same pass.
enum class post : bool { none, relu };

/// The defaults are PyTorch's.
struct batch_norm_options {
    double epsilon = 1e-5; ///< added to the variance
    double momentum = 0.1; ///< share of the new statistics in the running ones
};

/// A batch norm by given statistics, and what follows it.
template <class T>
struct norm_view {
    /// Each (c).
    in<accumulator_t<T>, 1> weight, bias, mean, variance;
    double epsilon; ///< added to the variance
    post after;     ///< done last
};

namespace cpu {

/// mean[c] and biased variance[c] of the rows of x.
template <class T>
void batch_norm_statistics(context& ctx,
                           in<T, 4> x,
                           out<accumulator_t<T>, 1> mean,
                           out<accumulator_t<T>, 1> variance) {
    using A = accumulator_t<T>;
    const std::int64_t c = mean.size(), rows = x.size() / c;
    const auto split = fixed_chunks::of(rows, 64);
    const auto partial = full(ctx, shape<2>{{split.size(), 2 * c}}, 0.0); // mean, sum of squares
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        const auto block = empty<A>(ctx, shape<1>{{2 * c}});
        A* const m = block.data();
        A* const q = m + c;
        double* const total = partial.data() + chunk * 2 * c;
        for (std::int64_t row = begin; row < end; row += 64) {
            const std::int64_t stop = std::min(end, row + 64);
            std::fill_n(m, 2 * c, A(0));
            for (std::int64_t r = row; r < stop; ++r)
                for (std::int64_t i = 0; i < c; ++i)
                    m[i] += x.data[r * c + i];
            for (std::int64_t i = 0; i < c; ++i)
                m[i] /= static_cast<A>(stop - row);
            for (std::int64_t r = row; r < stop; ++r)
                for (std::int64_t i = 0; i < c; ++i) {
                    const A d = x.data[r * c + i] - m[i];
                    q[i] += d * d;
                }
            // Chan's update: joins two groups without cancellation.
            const double before = static_cast<double>(row - begin);
            const double count = static_cast<double>(stop - row);
            for (std::int64_t i = 0; i < c; ++i) {
                const double delta = static_cast<double>(m[i]) - total[i];
                total[i] += delta * count / (before + count);
                total[c + i] +=
                    static_cast<double>(q[i]) + delta * delta * before * count / (before + count);
            }
        }
    });
    for (std::int64_t i = 0; i < c; ++i) {
        double m = 0, q = 0, seen = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk) {
            const double* const part = partial.data() + chunk * 2 * c;
            const double count =
                static_cast<double>(std::min(rows - chunk * split.chunk, split.chunk));
            const double delta = part[i] - m;
            m += delta * count / (seen + count);
            q += part[c + i] + delta * delta * seen * count / (seen + count);
            seen += count;
        }
        mean.data[i] = static_cast<A>(m);
        variance.data[i] = static_cast<A>(q / seen);
    }
}

/// running <- (1 - momentum) running + momentum batch; `rows` values went into the batch's
/// variance.
template <class T>
void batch_norm_update(context&,
                       in<T, 1> mean,
                       in<T, 1> variance,
                       std::int64_t rows,
                       double momentum,
                       out<T, 1> running_mean,
                       out<T, 1> running_variance) {
    const double unbiased = static_cast<double>(rows) / static_cast<double>(rows - 1);
    for (std::int64_t i = 0; i < running_mean.size(); ++i) {
        const double m = static_cast<double>(running_mean.data[i]);
        const double v = static_cast<double>(running_variance.data[i]);
        running_mean.data[i] =
            static_cast<T>(m + momentum * (static_cast<double>(mean.data[i]) - m));
        running_variance.data[i] =
            static_cast<T>(v + momentum * (static_cast<double>(variance.data[i]) * unbiased - v));
    }
}

/// `residual` may be empty.
template <class T>
void batch_norm_forward(
    context& ctx, in<T, 4> x, const norm_view<T>& norm, in<T, 4> residual, out<T, 4> y) {
    using A = accumulator_t<T>;
    const std::int64_t c = norm.mean.size(), rows = x.size() / c;
    const auto affine = empty<A>(ctx, shape<1>{{2 * c}});
    A* const scale = affine.data();
    A* const offset = scale + c;
    for (std::int64_t i = 0; i < c; ++i) {
        scale[i] =
            norm.weight.data[i] / std::sqrt(norm.variance.data[i] + static_cast<A>(norm.epsilon));
        offset[i] = norm.bias.data[i] - norm.mean.data[i] * scale[i];
    }
    const A floor = norm.after == post::relu ? A(0) : std::numeric_limits<A>::lowest();
    parallel_for(ctx, rows, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const T* const from = x.data + row * c;
            T* const to = y.data + row * c;
            if (residual.data) {
                const T* const more = residual.data + row * c;
                for (std::int64_t i = 0; i < c; ++i)
                    to[i] =
                        static_cast<T>(std::max(from[i] * scale[i] + offset[i] + more[i], floor));
            } else {
                for (std::int64_t i = 0; i < c; ++i)
                    to[i] = static_cast<T>(std::max(from[i] * scale[i] + offset[i], floor));
            }
        }
    });
}

/// sums[c] = sum of g, sums[c + i] = sum of g xhat, over the rows; g = gy where y > 0 if relu.
template <class T>
void batch_norm_backward_sums(context& ctx,
                              in<T, 4> x,
                              in<T, 4> y,
                              in<T, 4> gy,
                              const norm_view<T>& norm,
                              out<accumulator_t<T>, 1> sums) {
    using A = accumulator_t<T>;
    const std::int64_t c = norm.mean.size(), rows = x.size() / c;
    const auto split = fixed_chunks::of(rows, 64);
    const auto partial = full(ctx, shape<2>{{split.size(), 2 * c}}, 0.0);
    parallel_chunks(ctx, split, [&](int chunk, std::int64_t begin, std::int64_t end) {
        const auto block = empty<A>(ctx, shape<1>{{2 * c}});
        A* const a = block.data();
        A* const b = a + c;
        double* const total = partial.data() + chunk * 2 * c;
        for (std::int64_t row = begin; row < end; row += 64) {
            const std::int64_t stop = std::min(end, row + 64);
            std::fill_n(a, 2 * c, A(0));
            for (std::int64_t r = row; r < stop; ++r) {
                const T* const xr = x.data + r * c;
                const T* const gr = gy.data + r * c;
                const T* const yr = norm.after == post::relu ? y.data + r * c : nullptr;
                for (std::int64_t i = 0; i < c; ++i) {
                    const A g = !yr || yr[i] > A(0) ? static_cast<A>(gr[i]) : A(0);
                    a[i] += g;
                    b[i] += g * (xr[i] - norm.mean.data[i]);
                }
            }
            for (std::int64_t i = 0; i < 2 * c; ++i)
                total[i] += static_cast<double>(block.data()[i]);
        }
    });
    for (std::int64_t i = 0; i < c; ++i) {
        double a = 0, b = 0;
        for (int chunk = 0; chunk < split.size(); ++chunk) {
            a += partial.data()[chunk * 2 * c + i];
            b += partial.data()[chunk * 2 * c + c + i];
        }
        sums.data[i] = static_cast<A>(a);
        sums.data[c + i] = static_cast<A>(
            b / std::sqrt(static_cast<double>(norm.variance.data[i]) + norm.epsilon));
    }
}

/// `gx`, then `gresidual`, are each written where they are not empty. `batch`: the statistics were
/// the batch's own, so that the gradient flows through them.
template <class T>
void batch_norm_backward_input(context& ctx,
                               in<T, 4> x,
                               in<T, 4> y,
                               in<T, 4> gy,
                               const norm_view<T>& norm,
                               in<accumulator_t<T>, 1> sums,
                               bool batch,
                               gradient_target<T, 4> gx,
                               gradient_target<T, 4> gresidual) {
    using A = accumulator_t<T>;
    const std::int64_t c = norm.mean.size(), rows = x.size() / c;
    const auto factors = empty<A>(ctx, shape<1>{{3 * c}});
    A* const scale = factors.data(); // gx = scale g + slope (x - mean) + offset
    A* const slope = scale + c;
    A* const offset = slope + c;
    const double count = static_cast<double>(rows);
    for (std::int64_t i = 0; i < c; ++i) {
        const double inv = 1 / std::sqrt(static_cast<double>(norm.variance.data[i]) + norm.epsilon);
        const double s = static_cast<double>(norm.weight.data[i]) * inv;
        scale[i] = static_cast<A>(s);
        slope[i] =
            batch ? static_cast<A>(-s * inv * static_cast<double>(sums.data[c + i]) / count) : A(0);
        offset[i] = batch ? static_cast<A>(-s * static_cast<double>(sums.data[i]) / count) : A(0);
    }
    parallel_for(ctx, rows, 2 * c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const T* const xr = x.data + row * c;
            const T* const gr = gy.data + row * c;
            const T* const yr = norm.after == post::relu ? y.data + row * c : nullptr;
            if (gx.to.data) {
                T* const to = gx.to.data + row * c;
                for (std::int64_t i = 0; i < c; ++i) {
                    const A g = !yr || yr[i] > A(0) ? static_cast<A>(gr[i]) : A(0);
                    put(to[i], scale[i] * g + slope[i] * (xr[i] - norm.mean.data[i]) + offset[i],
                        gx.how);
                }
            }
            if (gresidual.to.data) {
                T* const to = gresidual.to.data + row * c;
                for (std::int64_t i = 0; i < c; ++i)
                    put(to[i], !yr || yr[i] > A(0) ? static_cast<A>(gr[i]) : A(0), gresidual.how);
            }
        }
    });
}

} // namespace cpu

/// What a batch norm owns: weight, bias (c), running mean and variance (c). All keep the digits of
/// what they are computed with: a mean rounded to bf16 would shift every value of a channel the same
/// way.
template <class T, class S = host>
struct batch_norm_parameters {
    /// (c), trained.
    parameter<accumulator_t<T>, 1, S> weight, bias;
    /// (c), updated in training, used in evaluation.
    state<accumulator_t<T>, 1, S> running_mean, running_variance;
};

/// errc::shape unless p and the residual, where there is one, fit to an input of these extents.
template <class T, class S>
void check_batch_norm(const shape<4>& x,
                      const batch_norm_parameters<T, S>& p,
                      const maps<T, S>& residual) {
    expect(p.weight.dims()[0] == x[3], "batch_norm", "one weight a channel", x, p.weight.dims());
    expect(!residual.value || residual.dims() == x, "batch_norm",
           "the residual has the input's shape", x, residual.dims());
}

/// Normalises x; adds `residual` where it holds something; then `after`. The tape's phase picks
/// batch or running statistics.
template <class C, class T, class S>
maps<T, S> batch_norm(tape<C>& t,
                      const maps<T, S>& x,
                      const batch_norm_parameters<T, S>& p,
                      post after = post::none,
                      const maps<T, S>& residual = {},
                      batch_norm_options options = {}) {
    const std::int64_t c = x.extent(3), rows = x.value.size() / std::max<std::int64_t>(c, 1);
    check_batch_norm(x.dims(), p, residual);
    const bool batch = t.phase == mode::train;
    expect(!batch || rows >= 2, "batch_norm",
           "training needs at least two values a channel (a batch of two or more)", x.dims());
    auto mean = p.running_mean.value, variance = p.running_variance.value;
    if (batch) {
        mean = empty<accumulator_t<T>>(t.context, shape<1>{{c}});
        variance = empty<accumulator_t<T>>(t.context, shape<1>{{c}});
        batch_norm_statistics<T>(t.context, x.value, mean.view(), variance.view());
        batch_norm_update(t.context, mean, variance, rows, options.momentum,
                          p.running_mean.value.view(), p.running_variance.value.view());
    }
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x, p.weight, residual));
    const auto norm = [w = p.weight.value, b = p.bias.value, mean, variance,
                       epsilon = options.epsilon,
                       after]() -> norm_view<T> { return {w, b, mean, variance, epsilon, after}; };
    batch_norm_forward(t.context, x.value, norm(), residual.value, y.value.view());
    t.record(y, [x, y, p, norm, residual, batch](C& ctx, in<T, 4> gy) {
        const std::int64_t channels = x.extent(3);
        const auto sums = empty<accumulator_t<T>>(ctx, shape<1>{{2 * channels}});
        batch_norm_backward_sums<T>(ctx, x.value, y.value, gy, norm(), sums.view());
        const auto gb = p.bias.slot->claim(ctx, p.bias.dims());
        accumulate_forward(ctx, sums.slice(0, p.bias.dims()), gb.to, gb.how);
        const auto gw = p.weight.slot->claim(ctx, p.weight.dims());
        accumulate_forward(ctx, sums.slice(channels, p.weight.dims()), gw.to, gw.how);
        gradient_target<T, 4> gx{{}, store::set}, gr{{}, store::set};
        if (x.slot)
            gx = x.slot->claim(ctx, x.dims());
        if (residual.slot)
            gr = residual.slot->claim(ctx, x.dims());
        if (x.slot || residual.slot)
            batch_norm_backward_input(ctx, x.value, y.value, gy, norm(), sums, batch, gx, gr);
    });
    return y;
}

} // namespace pfad
