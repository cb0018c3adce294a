// Everything that a differentiable op promises, checked in one call: value, gradient, how gradients
// are stored, and the same bits for any number of threads.
#pragma once

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/autograd/tape.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::test {

/// The result of an op and the gradients of sum(result * cotangent) with respect to its inputs.
template <int Q, int... R>
struct evaluation {
    array<Q> y;
    std::tuple<array<R>...> gradients;
};

/// The upstream gradient of every check, exact in every element type.
template <int Q>
array<Q> cotangent(const shape<Q>& dims) {
    return rounded<bf16>(random_array(dims, "cotangent", 0.25, 1.25));
}

/// The values times `factor`.
template <int R>
array<R> scaled(array<R> x, double factor) {
    for (double& value : x.data)
        value *= factor;
    return x;
}

template <class T>
[[nodiscard]] T not_a_number() {
    return element<T>(std::numeric_limits<double>::quiet_NaN());
}

/// Puts NaN where a tensor was, before its memory goes back to the pool.
template <class Context, class T, int R, class S>
void poison(Context& ctx, const tensor<T, R, S>& x) {
    write_elements(ctx, x, std::vector<T>(static_cast<std::size_t>(x.size()), not_a_number<T>()));
}

/// An op for arguments of one element type and these ranks, as a function of that type alone, so that
/// what follows is compiled once a signature and not once an op.
template <class Context, class T, class U, int Q, int... R>
using op_in = std::function<variable<U, Q, typename Context::space>(
    tape<Context>&, const variable<T, R, typename Context::space>&...)>;

/// The op as such a function, which refers to it.
template <class T, class Context, int... R, class Op>
auto op_for(Op& op) {
    using space = typename Context::space;
    using result = std::remove_cvref_t<decltype(op(std::declval<tape<Context>&>(),
                                                   std::declval<const variable<T, R, space>&>()...)
                                                    .value)>;
    return op_in<Context, T, typename result::element, result::rank, R...>(
        [&op](tape<Context>& t, const variable<T, R, space>&... x) { return op(t, x...); });
}

/// Memory for the gradients, and whether they find something there that they add to.
template <class Context, class T, int... R>
struct gradient_memory {
    std::tuple<guarded<T, R, Context>...> arrays;
    store how;
};

/// Runs op(tape, variables...) forward and backward. The gradients land in `memory`, where it is
/// given. The cotangent is multiplied by `factor`.
template <class Context, class T, class U, int Q, int... R>
evaluation<Q, R...>
evaluate_with(Context& ctx,
              const op_in<Context, T, U, Q, R...>& op,
              double factor,
              std::type_identity_t<const gradient_memory<Context, T, R...>*> memory,
              const array<R>&... inputs) {
    tape<Context> t(ctx, mode::train);
    auto leaves = std::tuple(leaf(upload<T>(ctx, inputs))...);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        const auto place = [&](auto& slot, const auto& guard) {
            slot.place(guard.tensor());
            if (memory->how == store::add)
                static_cast<void>(slot.claim(ctx, guard.tensor().dims()));
        };
        if (memory)
            (place(*std::get<I>(leaves).slot, std::get<I>(memory->arrays)), ...);
        auto y = op(t, std::get<I>(leaves)...);
        y.slot->place(upload<U>(ctx, scaled(cotangent(y.dims()), factor)));
        static_cast<void>(y.slot->claim(ctx, y.dims()));
        t.run();
        evaluation<Q, R...> result{download(ctx, y.value),
                                   {download(ctx, std::get<I>(leaves).gradient())...}};
        poison(ctx, y.value);
        (poison(ctx, std::get<I>(leaves).gradient()), ...);
        return result;
    }
    (std::index_sequence_for<array<R>...>());
}

template <class T, class Context, class Op, int... R>
auto evaluate(Context& ctx, Op& op, const array<R>&... inputs) {
    const auto function = op_for<T, Context, R...>(op);
    return evaluate_with(ctx, function, 1, nullptr, inputs...);
}

/// sum(op(inputs) * cotangent), without recording.
template <class Context, int Q, int... R>
double objective(Context& ctx,
                 const op_in<Context, double, double, Q, R...>& op,
                 const array<R>&... inputs) {
    tape<Context> t(ctx, mode::train, recording::off);
    const auto y = download(ctx, op(t, constant(upload<double>(ctx, inputs))...).value);
    const auto weight = cotangent(y.dims);
    double sum = 0;
    for (std::size_t i = 0; i < y.data.size(); ++i)
        sum += y.data[i] * weight.data[i];
    return sum;
}

/// Compares the gradient with respect to one of the inputs with fourth-order central differences, at
/// every element or at a sample of 24, to 1e-6 of the largest gradient. `value` gives the objective
/// of what stands in `x`.
template <int R, class Value>
void check_gradient_of(std::size_t input, array<R>& x, const array<R>& gradient, Value&& value) {
    REQUIRE(gradient.dims == x.dims);
    const double allowed = 1e-6 * std::max(largest(gradient), 1e-3);
    const std::size_t count = x.data.size(), stride = count <= 24 ? 1 : count / 24;
    const double e = 0x1p-10;
    for (std::size_t i = 0; i < count; i += stride) {
        const double middle = x.data[i];
        const auto at = [&](double shift) {
            x.data[i] = middle + shift;
            return value();
        };
        const double slope = (8 * (at(e) - at(-e)) - (at(2 * e) - at(-2 * e))) / (12 * e);
        x.data[i] = middle;
        INFO("input " << input << ", element " << i << " of " << to_string(x.dims)
                      << ": difference " << slope << ", gradient " << gradient.data[i]);
        if (!(std::abs(slope - gradient.data[i]) <= allowed)) {
            CHECK(slope == gradient.data[i]);
            return;
        }
    }
    SUCCEED();
}

template <class Context, int Q, int... R>
void check_gradients(Context& ctx,
                     const op_in<Context, double, double, Q, R...>& op,
                     const std::tuple<array<R>...>& analytic,
                     const array<R>&... inputs) {
    // Under a GPU's sanitizers: thousands of launches more of what the analytic run has launched.
    if (const char* const slopes = std::getenv("PFAD_TEST_SLOPES"))
        if (std::string_view(slopes) == "off")
            return;
    std::tuple<array<R>...> all(inputs...);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        const std::function<double()> value = [&] {
            return objective(ctx, op, std::get<I>(all)...);
        };
        (check_gradient_of(I, std::get<I>(all), std::get<I>(analytic), value), ...);
    }
    (std::index_sequence_for<array<R>...>());
}

/// Gradients overwrite NaN when they are the first to be written, add to 3 when they are not, and
/// write nothing beyond their ends.
template <class Context, class T, class U, int Q, int... R>
void check_store(Context& ctx,
                 const op_in<Context, T, U, Q, R...>& op,
                 const std::tuple<array<R>...>& expected,
                 const array<R>&... inputs) {
    for (const store how : {store::set, store::add}) {
        const T before = how == store::set ? not_a_number<T>() : T(3);
        const gradient_memory<Context, T, R...> memory = {
            {guarded<T, R, Context>(ctx, inputs.dims, before)...}, how};
        const auto result = evaluate_with(ctx, op, 1, &memory, inputs...);
        const auto check = [&](auto got, const auto& want, bool intact) {
            if (how == store::add)
                for (double& value : got.data)
                    value -= 3;
            INFO(sizeof(T) * 8 << " bit, " << (how == store::add ? "added" : "set"));
            check_close(got, want, tolerance<T>(64, 3 + largest(want)));
            CHECK(intact);
        };
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (check(std::get<I>(result.gradients), std::get<I>(expected),
                   std::get<I>(memory.arrays).intact(ctx)),
             ...);
        }
        (std::index_sequence_for<array<R>...>());
    }
}

template <int Q, int... R>
bool same_bits(const evaluation<Q, R...>& a, const evaluation<Q, R...>& b) {
    return same_bits(a.y, b.y)&& [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (same_bits(std::get<I>(a.gradients), std::get<I>(b.gradients)) && ...);
    }
    (std::index_sequence_for<array<R>...>());
}

/// The same bits again, on memory that last held NaN, in every schedule. Thirds, since sums of
/// few-bit numbers are exact in double in any order.
template <class Context, class T, class U, int Q, int... R>
void check_repeats(const op_in<Context, T, U, Q, R...>& op, const array<R>&... inputs) {
    std::optional<evaluation<Q, R...>> first;
    for_each_schedule<Context>([&](Context& ctx) {
        auto result = evaluate_with(ctx, op, 1.0 / 3, nullptr, scaled(inputs, 1.0 / 3)...);
        if (first)
            CHECK(same_bits(*first, result));
        else
            first = std::move(result);
    });
}

/// How much a check does: numerical differences suit small inputs only.
enum class thorough : bool { value_and_bits, everything };

/// The op in T against its own results in double from the same inputs, which T holds exactly.
template <class Context, class T, class U, int Q, int... R>
void check_precision(Context& ctx,
                     const op_in<Context, T, U, Q, R...>& op,
                     thorough how_much,
                     double terms,
                     double term,
                     const array<Q>& want,
                     const std::tuple<array<R>...>& gradients,
                     const array<R>&... inputs) {
    INFO(sizeof(T) * 8 << " bit");
    const auto got = evaluate_with(ctx, op, 1, nullptr, inputs...);
    check_close(got.y, want, tolerance<T>(terms, term));
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (check_close(std::get<I>(got.gradients), std::get<I>(gradients),
                     tolerance<T>(terms + 16, std::max(term, 2 * largest(std::get<I>(gradients))))),
         ...);
    }
    (std::index_sequence_for<array<R>...>());
    check_repeats(op, inputs...);
    if (how_much == thorough::everything)
        check_store(ctx, op, got.gradients, inputs...);
}

/// check_op() of one signature.
template <class Context, class U, int Q, int... R>
void check_signature(const op_in<Context, double, double, Q, R...>& in_double,
                     const op_in<Context, float, float, Q, R...>& in_float,
                     const op_in<Context, bf16, U, Q, R...>& in_bf16,
                     const std::function<array<Q>(const array<R>&...)>& reference,
                     thorough how_much,
                     double terms,
                     double term,
                     const array<R>&... inputs) {
    auto ctx = make_context<Context>(2);
    const auto want = reference(inputs...);
    const auto exact = evaluate_with(ctx, in_double, 1, nullptr, inputs...);
    check_close(exact.y, want, tolerance<double>(4 * terms, term));
    check_repeats(in_double, inputs...);
    check_precision(ctx, in_float, how_much, terms, term, want, exact.gradients, inputs...);
    if (how_much == thorough::everything) {
        check_gradients(ctx, in_double, exact.gradients, inputs...);
        check_store(ctx, in_double, exact.gradients, inputs...);
    }
    if (has_bf16<Context>())
        [&](const array<R>&... coarse) {
            check_precision(ctx, in_bf16, how_much, terms, term, reference(coarse...),
                            evaluate_with(ctx, in_double, 1, nullptr, coarse...).gradients,
                            coarse...);
        }(rounded<bf16>(inputs)...);
}

/// All of it. `op(tape, variables...)` gives a variable; `reference(arrays...)` the array that it
/// should hold; `terms` is the length of the longest sum, `largest` the largest term. In double and
/// float, and in bf16 where the machine has it.
template <class Context, class Op, class Reference, int... R>
void check_op(Op op,
              Reference reference,
              thorough how_much,
              double terms,
              double term,
              const array<R>&... inputs) {
    using result = decltype(reference(inputs...));
    check_signature(op_for<double, Context, R...>(op), op_for<float, Context, R...>(op),
                    op_for<bf16, Context, R...>(op),
                    std::function<result(const array<R>&...)>(std::ref(reference)), how_much, terms,
                    term, inputs...);
}

/// A variable as a parameter, whose gradient lands in the variable's slot.
template <class T, int R, class S>
parameter<T, R, S> as_parameter(const variable<T, R, S>& x) {
    parameter<T, R, S> result;
    result.value = x.value;
    if (x.slot)
        result.slot = x.slot;
    return result;
}
/// The same of any element type. What a network of bf16 holds in float, vectors and gradients, is
/// float here, too, and the variable's slot gets the gradient rounded.
template <class C, class T, int R, class S>
auto as_parameter(tape<C>& t, const variable<T, R, S>& x) {
    using A = accumulator_t<T>;
    if constexpr (std::is_same_v<T, A>) {
        return as_parameter(x);
    } else {
        parameter<std::conditional_t<R == 1, A, T>, R, S> result;
        if constexpr (R == 1)
            result.value = upload<A>(t.context, download(t.context, x.value));
        else
            result.value = x.value;
        if (x.slot)
            t.record([x, slot = result.slot](C& ctx) {
                array<R> g = download(ctx, slot->gradient());
                if (x.slot->claim(ctx, x.dims()).how == store::add) {
                    const array<R> before = download(ctx, x.slot->gradient());
                    for (std::size_t i = 0; i < g.data.size(); ++i)
                        g.data[i] += before.data[i];
                }
                write_elements(ctx, x.slot->gradient(), elements<T>(g));
            });
        return result;
    }
}

} // namespace pfad::test
