// Dense convolutions under the emulator: cuDNN's part, which no emulator runs. Device memory is
// host memory there, so the plain loops stand in for it; bf16 in float.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/cuda/context.hpp>
#include <pfad/ops/batch_norm.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>

namespace pfad::cuda {

namespace detail {

/// An array as what it is computed with. A result is stored when this one goes.
template <class T, int R>
class widened {
    using A = accumulator_t<T>;

public:
    widened(cpu::context& ctx, view<const T, R> from) {
        if (!from.data)
            return;
        memory_ = empty<A>(ctx, from.dims);
        std::transform(from.data, from.data + from.size(), memory_.data(),
                       [](T x) { return static_cast<A>(x); });
    }
    widened(cpu::context& ctx, view<T, R> to, store how)
        : to_(to), how_(how), memory_(empty<A>(ctx, to.dims)) {}
    ~widened() {
        for (std::int64_t i = 0; i < to_.size(); ++i)
            put(to_.data[i],
                static_cast<T>(memory_.data()[i] +
                               (how_ == store::add ? static_cast<A>(to_.data[i]) : A(0))),
                store::set);
    }
    widened(const widened&) = delete;
    widened& operator=(const widened&) = delete;

    [[nodiscard]] view<A, R> view_of() const {
        return memory_.data() ? memory_.view() : view<A, R>{};
    }

private:
    view<T, R> to_ = {};
    store how_ = store::set;
    tensor<A, R> memory_;
};

/// Work of the stream, as a kernel would be.
template <class F>
void queue(context& ctx, const F& f) {
    check(simt::enqueue(ctx.stream(),
                        [f] {
                            cpu::context plain(1);
                            f(plain);
                            return cudaSuccess;
                        }),
          "conv2d");
}

} // namespace detail

template <class T>
void conv2d_forward(context& ctx,
                    in<T, 4> x,
                    in<T, 4> w,
                    in<accumulator_t<T>, 1> b,
                    out<T, 4> y,
                    conv2d_geometry g,
                    const weight_stamp& = {}) {
    detail::queue(ctx, [=](cpu::context& plain) {
        const detail::widened<T, 4> result(plain, y, store::set);
        cpu::conv2d_forward(plain, detail::widened<T, 4>(plain, x).view_of(),
                            detail::widened<T, 4>(plain, w).view_of(), b, result.view_of(), g);
    });
}

template <class T>
void conv2d_epilogue_forward(context& ctx,
                             in<T, 4> x,
                             in<T, 4> w,
                             in<T, 1> b,
                             in<T, 4> residual,
                             post after,
                             out<T, 4> y,
                             conv2d_geometry g) {
    detail::queue(ctx, [=](cpu::context& plain) {
        using A = accumulator_t<T>;
        const detail::widened<T, 4> result(plain, y, store::set), more(plain, residual);
        cpu::conv2d_forward<A>(plain, detail::widened<T, 4>(plain, x).view_of(),
                               detail::widened<T, 4>(plain, w).view_of(),
                               detail::widened<T, 1>(plain, b).view_of(), result.view_of(), g);
        for (std::int64_t i = 0; i < y.size(); ++i) {
            A& value = result.view_of().data[i];
            value += residual.data ? more.view_of().data[i] : A(0);
            value = after == post::relu && value < A(0) ? A(0) : value;
        }
    });
}

template <class T>
void conv2d_backward_input(context& ctx,
                           in<T, 4> gy,
                           in<T, 4> w,
                           out<T, 4> gx,
                           store how,
                           conv2d_geometry g,
                           const weight_stamp& = {}) {
    detail::queue(ctx, [=](cpu::context& plain) {
        const detail::widened<T, 4> result(plain, gx, how);
        cpu::conv2d_backward_input(plain, detail::widened<T, 4>(plain, gy).view_of(),
                                   detail::widened<T, 4>(plain, w).view_of(), result.view_of(),
                                   store::set, g);
    });
}

template <class T>
void conv2d_backward_weight(context& ctx,
                            in<T, 4> x,
                            in<T, 4> gy,
                            out<accumulator_t<T>, 4> gw,
                            store how,
                            conv2d_geometry g) {
    detail::queue(ctx, [=](cpu::context& plain) {
        cpu::conv2d_backward_weight<accumulator_t<T>>(
            plain, detail::widened<T, 4>(plain, x).view_of(),
            detail::widened<T, 4>(plain, gy).view_of(), gw, how, g);
    });
}

} // namespace pfad::cuda
