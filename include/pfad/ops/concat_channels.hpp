// Images side by side along the channels; one of 1 x 1 pixels is repeated over the whole extent.
//   y[n,i,j, offset_k + c] = x_k[n,i,j,c]        or x_k[n,0,0,c] for a broadcast part
// requires  equal n; equal h, w but for parts of 1 x 1 pixels; at least one part
// gradient  gx_k is its slice of gy, summed over h, w for a broadcast part (in double)
// saves     nothing
// cost      1 read 1 write each way
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/rows.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace pfad {
namespace cpu {

/// Writes one part: channels [offset, offset + c) of y.
template <class T>
void concat_channels_forward(context& ctx, in<T, 4> x, out<T, 4> y, std::int64_t offset) {
    const std::int64_t area = y.extent(1) * y.extent(2), wide = y.extent(3), c = x.extent(3);
    const std::int64_t shared = area / std::max<std::int64_t>(x.extent(1) * x.extent(2), 1);
    parallel_for(ctx, y.extent(0) * area, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel)
            std::copy_n(x.data + pixel / shared * c, c, y.data + pixel * wide + offset);
    });
}

/// Sums of channels [offset, offset + c) of gy over the image: the gradient of a broadcast part.
template <class T>
void concat_broadcast_backward(
    context& ctx, in<T, 4> gy, out<T, 4> gx, store how, std::int64_t offset) {
    const std::int64_t n = gy.extent(0), area = gy.extent(1) * gy.extent(2);
    const std::int64_t wide = gy.extent(3), c = gx.extent(3);
    const auto split = fixed_chunks::of(area, rows_worth(c));
    const int chunks = split.size();
    const auto sums = full(ctx, shape<2>{{n * chunks, c}}, 0.0);
    run_parts(ctx, static_cast<int>(n) * chunks, [&](int part) {
        const std::int64_t begin = part % chunks * split.chunk;
        const std::int64_t end = std::min(area, begin + split.chunk);
        sum_rows(sums.data() + part * c, gy.data + (part / chunks * area + begin) * wide + offset,
                 end - begin, wide, c);
    });
    for (std::int64_t k = 0; k < n; ++k) {
        double* const sum = sums.data() + k * chunks * c;
        sum_rows(sum, sum + c, chunks - 1, c, c);
        for (std::int64_t i = 0; i < c; ++i)
            put(gx.data[k * c + i], static_cast<accumulator_t<T>>(sum[i]), how);
    }
}

/// The gradient of one part from its channels of gy.
template <class T>
void concat_channels_backward(
    context& ctx, in<T, 4> gy, out<T, 4> gx, store how, std::int64_t offset) {
    const std::int64_t area = gy.extent(1) * gy.extent(2), wide = gy.extent(3), c = gx.extent(3);
    if (gx.extent(1) * gx.extent(2) != area) {
        concat_broadcast_backward<T>(ctx, gy, gx, how, offset);
        return;
    }
    parallel_for(ctx, gy.extent(0) * area, c, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const T* const from = gy.data + pixel * wide + offset;
            T* const __restrict to = gx.data + pixel * c;
            for (std::int64_t i = 0; i < c; ++i)
                put(to[i], from[i], how);
        }
    });
}

} // namespace cpu

/// Concatenates images (n, h, w, c_k) to (n, h, w, sum of c_k), in the given order; parts of extent
/// (n, 1, 1, c_k) are repeated over h x w. errc::shape where they do not fit.
template <class C, class T, class S>
maps<T, S> concat_channels(tape<C>& t, std::vector<maps<T, S>> parts) {
    expect(!parts.empty(), "concat_channels", "there is at least one part");
    shape<4> dims = parts.front().dims();
    dims.extent[3] = 0;
    bool wanted = false;
    for (const auto& part : parts) {
        dims.extent[1] = std::max(dims[1], part.extent(1));
        dims.extent[2] = std::max(dims[2], part.extent(2));
        dims.extent[3] += part.extent(3);
        wanted = wanted || t.wants(part);
    }
    for (const auto& part : parts) {
        const bool single = part.extent(1) == 1 && part.extent(2) == 1;
        expect(part.extent(0) == dims[0] &&
                   (single || (part.extent(1) == dims[1] && part.extent(2) == dims[2])),
               "concat_channels", "parts have the same extent or 1 x 1 pixels", dims, part.dims());
    }
    auto y = t.result(empty<T>(t.context, dims), wanted);
    std::int64_t offset = 0;
    for (const auto& part : parts) {
        concat_channels_forward(t.context, part.value, y.value.view(), offset);
        offset += part.extent(3);
    }
    t.record(y, [parts = std::move(parts)](C& ctx, in<T, 4> gy) {
        std::int64_t at = 0;
        for (const auto& part : parts) {
            if (part.slot) {
                const auto gx = part.slot->claim(ctx, part.dims());
                concat_channels_backward(ctx, gy, gx.to, gx.how, at);
            }
            at += part.extent(3);
        }
    });
    return y;
}

/// The same for a list in braces.
template <class C, class T, class S>
maps<T, S> concat_channels(tape<C>& t, std::initializer_list<variable<T, 4, S>> parts) {
    return concat_channels(t, std::vector<maps<T, S>>(parts));
}

} // namespace pfad
