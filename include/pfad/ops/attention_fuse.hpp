// attention_fuse: the last step of attentional feature fusion (AFF), with an optional ReLU.
//   w = sigmoid(local + global), global (n,1,1,c) broadcast over the picture
//   y = act(2 x w + 2 r (1 - w))
// requires  x, r, local (n,h,w,c)
// gradient  gx = 2 w g, gr = 2 (1-w) g, glocal = 2 (x-r) w (1-w) g, gglobal = its sum over h, w;
//           g = gy where y > 0, if there is a ReLU
// saves     x, r, w and (for the ReLU) y
// precision gglobal: fixed order, double over rows
// cost      3 reads 2 writes, 1 where no gradient is wanted; backward 5 reads 3 writes
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/core/math.hpp>
#include <pfad/cpu/rows.hpp>
#include <pfad/ops/batch_norm.hpp>

namespace pfad {

namespace cpu {

/// `w` receives the attention, (n,h,w,c), unless it is empty.
template <class T>
void attention_fuse_forward(context& ctx,
                            in<T, 4> x,
                            in<T, 4> r,
                            in<T, 4> local,
                            in<T, 4> global,
                            post after,
                            out<T, 4> w,
                            out<T, 4> y) {
    const std::int64_t c = y.extent(3), area = y.extent(1) * y.extent(2);
    using A = accumulator_t<T>;
    const A floor = after == post::relu ? A(0) : std::numeric_limits<A>::lowest();
    parallel_for(ctx, y.size() / c, 4 * c, [&](std::int64_t begin, std::int64_t end) {
        const auto attention = empty<A>(ctx, shape<1>{{c}});
        A* const a = attention.data();
        for (std::int64_t row = begin; row < end; ++row) {
            const T* const g = global.data + row / area * c;
            const T* const xr = x.data + row * c;
            const T* const rr = r.data + row * c;
            const T* const lr = local.data + row * c;
            T* const yr = y.data + row * c;
            // Several short loops: g++ keeps one with this many arrays scalar.
            for (std::int64_t i = 0; i < c; ++i)
                a[i] = math::sigmoid(lr[i] + g[i]);
            for (std::int64_t i = 0; i < c; ++i)
                yr[i] = static_cast<T>(std::max(A(2) * (rr[i] + a[i] * (xr[i] - rr[i])), floor));
            if (w.data)
                for (std::int64_t i = 0; i < c; ++i)
                    w.data[row * c + i] = static_cast<T>(a[i]);
        }
    });
}

/// Each gradient is written where its target is not empty; gglobal is (n,1,1,c).
template <class T>
void attention_fuse_backward(context& ctx,
                             in<T, 4> x,
                             in<T, 4> r,
                             in<T, 4> w,
                             in<T, 4> y,
                             in<T, 4> gy,
                             post after,
                             gradient_target<T, 4> gx,
                             gradient_target<T, 4> gr,
                             gradient_target<T, 4> glocal,
                             gradient_target<T, 4> gglobal) {
    using A = accumulator_t<T>;
    const auto [n, h, wd, c] = x.dims.extent;
    const std::int64_t channels = c;
    // A chunk is some rows of one picture: at most 16 of them, whatever the number of threads.
    const std::int64_t area = h * wd, chunk = std::max<std::int64_t>((area + 15) / 16, 16);
    const std::int64_t chunks = (area + chunk - 1) / chunk;
    const auto partial = full(ctx, shape<2>{{n * chunks, c}}, 0.0);
    run_parts(ctx, static_cast<int>(n * chunks), [&](int part) {
        const std::int64_t begin = part / chunks * area + part % chunks * chunk;
        const std::int64_t end = std::min(begin + chunk, (part / chunks + 1) * area);
        double* const sum = partial.data() + part * channels;
        const auto row = empty<A>(ctx, shape<1>{{2 * channels}});
        A* const g = row.data();
        A* const gl = g + channels;
        for (std::int64_t at = begin * channels; at < end * channels; at += channels) {
            const T* const a = w.data + at;
            for (std::int64_t i = 0; i < channels; ++i)
                g[i] = A(2) * gy.data[at + i];
            if (after == post::relu)
                for (std::int64_t i = 0; i < channels; ++i)
                    g[i] = y.data[at + i] > A(0) ? g[i] : A(0);
            for (std::int64_t i = 0; i < channels; ++i)
                gl[i] = g[i] * (x.data[at + i] - r.data[at + i]) * a[i] * (A(1) - a[i]);
            for (std::int64_t i = 0; i < channels; ++i)
                sum[i] += static_cast<double>(gl[i]);
            if (gx.to.data)
                for (std::int64_t i = 0; i < channels; ++i)
                    put(gx.to.data[at + i], g[i] * a[i], gx.how);
            if (gr.to.data)
                for (std::int64_t i = 0; i < channels; ++i)
                    put(gr.to.data[at + i], g[i] * (A(1) - a[i]), gr.how);
            if (glocal.to.data)
                for (std::int64_t i = 0; i < channels; ++i)
                    put(glocal.to.data[at + i], gl[i], glocal.how);
        }
    });
    if (!gglobal.to.data)
        return;
    for (std::int64_t s = 0; s < n; ++s)
        for (std::int64_t i = 0; i < c; ++i) {
            double sum = 0;
            for (std::int64_t k = 0; k < chunks; ++k)
                sum += partial.data()[(s * chunks + k) * c + i];
            put(gglobal.to.data[s * c + i], static_cast<A>(sum), gglobal.how);
        }
}

} // namespace cpu

/// Fuses the residual branch x and the shortcut r by the attention sigmoid(local + global).
template <class C, class T, class S>
maps<T, S> attention_fuse(tape<C>& t,
                          const maps<T, S>& x,
                          const maps<T, S>& r,
                          const maps<T, S>& local,
                          const maps<T, S>& global,
                          post after) {
    expect(x.dims() == r.dims() && x.dims() == local.dims(), "attention_fuse",
           "both inputs and the local attention have one shape", x.dims(), r.dims(), local.dims());
    expect(global.dims() == shape<4>{{x.extent(0), 1, 1, x.extent(3)}}, "attention_fuse",
           "the global attention is (n, 1, 1, c)", x.dims(), global.dims());
    const bool wanted = t.wants(x, r, local, global);
    auto y = t.result(empty<T>(t.context, x.dims()), wanted);
    const auto w = wanted ? empty<T>(t.context, x.dims()) : tensor<T, 4, S>();
    attention_fuse_forward(t.context, x.value, r.value, local.value, global.value, after, w.view(),
                           y.value.view());
    t.record(y, [x, r, y, w, after, local = local.slot, global = global.slot,
                 global_dims = global.dims()](C& ctx, in<T, 4> gy) {
        const auto target = [&](const auto& slot, const shape<4>& dims) {
            return slot ? slot->claim(ctx, dims) : gradient_target<T, 4>{{}, store::set};
        };
        attention_fuse_backward(ctx, x.value, r.value, w, y.value, gy, after,
                                target(x.slot, x.dims()), target(r.slot, r.dims()),
                                target(local, x.dims()), target(global, global_dims));
    });
    return y;
}

} // namespace pfad
