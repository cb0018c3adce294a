// Pointwise activations.
//   relu     y = max(x, 0)                          gradient gy where y > 0, else 0
//   sigmoid  y = 1 / (1 + exp(-x))                  gradient gy y (1 - y)
//   gelu     y = x Phi(x) = x (1 + erf(x/sqrt 2))/2 gradient gy (Phi(x) + x phi(x))
// requires  any shape
// ensures   relu's gradient selects: an infinite or NaN gy at y == 0 gives 0
// saves     relu and sigmoid their result, gelu its input
// cost      1 read 1 write; backward 2 reads 1 write
#pragma once

#include <pfad/autograd/tape.hpp>
#include <pfad/core/element.hpp>
#include <pfad/core/math.hpp>
#include <pfad/cpu/parallel.hpp>

namespace pfad {

/// max(x, 0).
struct relu {
    /// Of one number.
    template <class T>
    PFAD_HD static T value(T x) {
        return x > T(0) ? x : T(0);
    }
    /// From the result.
    template <class T>
    PFAD_HD static T gradient(T y, T gy) {
        return y > T(0) ? gy : T(0);
    }
    /// Whether gradient() takes the result, and not the input.
    static constexpr bool saves_result = true;
};

/// 1 / (1 + exp(-x)).
struct sigmoid {
    /// Of one number.
    template <class T>
    PFAD_HD static T value(T x) {
        return math::sigmoid(x);
    }
    /// From the result.
    template <class T>
    PFAD_HD static T gradient(T y, T gy) {
        return gy * y * (T(1) - y);
    }
    /// Whether gradient() takes the result, and not the input.
    static constexpr bool saves_result = true;
};

/// x Phi(x), with the exact Phi.
struct gelu {
    /// Of one number.
    template <class T>
    PFAD_HD static T value(T x) {
        return x * math::normal_cdf(x);
    }
    /// From the input.
    template <class T>
    PFAD_HD static T gradient(T x, T gy) {
        return gy * (math::normal_cdf(x) + x * math::normal_pdf(x));
    }
    /// Whether gradient() takes the result, and not the input.
    static constexpr bool saves_result = false;
};

namespace cpu {

/// y = F::value(x), element by element.
template <class F, class T>
void activation_forward(context& ctx, F, in<T, 1> x, out<T, 1> y) {
    using A = accumulator_t<T>;
    parallel_for(ctx, y.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            y.data[i] = static_cast<T>(F::value(static_cast<A>(x.data[i])));
    });
}

/// `saved` is the result or the input, as F::saves_result says.
template <class F, class T>
void activation_backward(context& ctx, F, in<T, 1> saved, in<T, 1> gy, out<T, 1> gx, store how) {
    using A = accumulator_t<T>;
    parallel_for(ctx, gx.size(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            put(gx.data[i], F::gradient(static_cast<A>(saved.data[i]), static_cast<A>(gy.data[i])),
                how);
    });
}

} // namespace cpu

/// Applies relu{}, sigmoid{} or gelu{} to every element.
template <class F, class C, class T, int R, class S>
variable<T, R, S> activate(tape<C>& t, F f, const variable<T, R, S>& x) {
    auto y = t.result(empty<T>(t.context, x.dims()), t.wants(x));
    activation_forward(t.context, f, x.value.flat(), y.value.flat().view());
    t.record(y, [x, y, f](C& ctx, in<T, R> gy) {
        const auto g = x.slot->claim(ctx, x.dims());
        const auto& saved = F::saves_result ? y.value : x.value;
        activation_backward(ctx, f, saved.flat(), gy.flat(), g.to.flat(), g.how);
    });
    return y;
}

} // namespace pfad
