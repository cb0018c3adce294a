// Every convolution that a network asks for, as cuDNN would get it; found without a GPU.
#pragma once

#include <pfad/cudnn/conv2d_problem.hpp>
#include <pfad/pfad.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace probe {

using namespace pfad;
using namespace pfad::cudnn;

/// Notes the convolutions of a network instead of computing them.
struct context : cpu::context {
    using cpu::context::context;
    std::vector<conv2d_problem> seen;
};

template <class T>
void note(context& ctx,
          in<T, 4> x,
          in<T, 4> w,
          out<T, 4> y,
          conv2d_geometry g,
          const conv2d_epilogue& end) {
    ctx.seen.push_back({operation::forward, data_type<T>, x.dims, w.dims, y.dims, g, end});
    std::fill_n(y.data, y.size(), T(1));
}

template <class T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<accumulator_t<T>, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    note<T>(ctx, x, w, y, g, {.bias = b.data != nullptr});
}

/// As a captured step calls it.
template <class T>
void conv2d_batch_norm_forward(context& ctx,
                               in<T, 4> x,
                               in<T, 4> w,
                               in<accumulator_t<T>, 1>,
                               out<T, 4> y,
                               conv2d_geometry g,
                               const weight_stamp& stamp,
                               const norm_view<T>& norm,
                               in<T, 4> residual) {
    if (!stamp.identity())
        throw std::logic_error("a weight without a stamp is not folded");
    note<T>(ctx, x, w, y, g, {residual.data != nullptr, true, norm.after});
}

/// As on a GPU.
inline bool one_kernel_pays(const context&, const shape<4>&) {
    return false;
}

/// The forward convolutions of a batch of 256x256 pictures, in order: in evaluation with what
/// follows them, in training without.
[[nodiscard]] inline std::vector<conv2d_problem>
convolutions(pfadseg_options options, mode phase, std::int64_t batch) {
    context ctx(2);
    const pfadseg<float> model(ctx, options);
    tape<context> t(ctx, phase, recording::off);
    // Batch norm wants two values a channel, and two pictures are enough to tell the extents.
    static_cast<void>(model.logits(t, constant(full(ctx, shape<4>{{2, 256, 256, 3}}, 0.0f))));
    for (auto& p : ctx.seen)
        for (shape<4>* const each : {&p.x, &p.y})
            each->extent[0] = each->extent[0] / 2 * batch;
    return std::move(ctx.seen);
}

} // namespace probe
