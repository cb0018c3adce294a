// add: y = a + b, equal shapes.  gradient  ga = gb = gy  cost  2 reads 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/cpu/parallel.hpp>

namespace pfad {

namespace cpu {

/// y = a + b, element by element.
template <class T>
void add_forward(context& ctx, in<T, 1> a, in<T, 1> b, out<T, 1> y) {
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            y.data[i] = static_cast<T>(a.data[i] + b.data[i]);
    });
}

/// y = x or y += x: how a gradient that needs no arithmetic is handed on.
template <class T>
void accumulate_forward(context& ctx, in<T, 1> x, out<T, 1> y, store how) {
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            put(y.data[i], x.data[i], how);
    });
}

} // namespace cpu

/// a + b.
template <class C, class T, int R, class S>
variable<T, R, S> add(tape<C>& t, const variable<T, R, S>& a, const variable<T, R, S>& b) {
    expect(a.dims() == b.dims(), "add", "shapes are equal", a.dims(), b.dims());
    auto y = t.result(empty<T>(t.context, a.dims()), t.wants(a, b));
    add_forward(t.context, a.value.flat(), b.value.flat(), y.value.flat().view());
    t.record(y, [a, b](C& ctx, in<T, R> gy) {
        for (const auto* const input : {&a, &b})
            if (input->slot) {
                const auto g = input->slot->claim(ctx, input->dims());
                accumulate_forward(ctx, gy.flat(), g.to.flat(), g.how);
            }
    });
    return y;
}

} // namespace pfad
