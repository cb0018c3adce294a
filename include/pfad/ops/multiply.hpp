// multiply: y = a b, equal shapes.  gradient  ga = gy b, gb = gy a  cost  2 reads 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>

namespace pfad {

namespace cpu {

/// y = a b or y += a b: also the gradient.
template <class T>
void multiply_forward(context& ctx, in<T, 1> a, in<T, 1> b, out<T, 1> y, store how) {
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            put(y.data[i], a.data[i] * b.data[i], how);
    });
}

} // namespace cpu

/// a b, element by element.
template <class C, class T, int R, class S>
variable<T, R, S> multiply(tape<C>& t, const variable<T, R, S>& a, const variable<T, R, S>& b) {
    expect(a.dims() == b.dims(), "multiply", "shapes are equal", a.dims(), b.dims());
    auto y = t.result(empty<T>(t.context, a.dims()), t.wants(a, b));
    multiply_forward(t.context, a.value.flat(), b.value.flat(), y.value.flat().view(), store::set);
    t.record(y, [a, b](C& ctx, in<T, R> gy) {
        if (a.slot) {
            const auto g = a.slot->claim(ctx, a.dims());
            multiply_forward(ctx, gy.flat(), b.value.flat(), g.to.flat(), g.how);
        }
        if (b.slot) {
            const auto g = b.slot->claim(ctx, b.dims());
            multiply_forward(ctx, gy.flat(), a.value.flat(), g.to.flat(), g.how);
        }
    });
    return y;
}

} // namespace pfad
