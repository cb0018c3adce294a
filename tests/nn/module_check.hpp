// What every block promises: its parameters and its inputs get the gradients that numerical
// differences give, in double, in training mode; on every backend it gives the same values and
// gradients up to rounding, and the same bits again in every schedule.
#pragma once

#include "support/gradcheck.hpp"

#include <pfad/nn/module.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::test {

/// A parameter or state of a block without its rank, so that a block is walked once, and the rest
/// compiled once for all blocks.
template <class T, class S>
struct block_array {
    std::string name;
    tensor<T, 1, S> values;
    bool vector;                                            ///< no axis but the first
    std::shared_ptr<gradient_state<accumulator_t<T>>> slot; ///< null of a state
    weight_stamp stamp;
};

/// The arrays of a block, which they share with it.
template <template <class, class> class M, class T, class S>
std::vector<block_array<T, S>> arrays_of(M<T, S>& m) {
    std::vector<block_array<T, S>> result;
    visit(m, "", [&](const std::string& name, auto& p) {
        result.push_back(
            {name, p.value.flat(), p.value.dims().size() == p.value.dims()[0], nullptr, {}});
        if constexpr (requires { p.slot; }) {
            result.back().slot = p.slot;
            result.back().stamp = p.stamp;
        }
    });
    return result;
}

template <class T>
void fill_arrays(std::vector<block_array<T, host>> arrays, const std::string& salt) {
    for (auto& a : arrays) {
        const bool one =
            a.name.ends_with("running_var") || (a.name.ends_with("weight") && a.vector);
        const auto values = random_array(a.values.dims(), salt + a.name, -0.5, 0.5);
        for (std::int64_t i = 0; i < a.values.size(); ++i) {
            const double value = values.data[static_cast<std::size_t>(i)] + (one ? 1 : 0);
            a.values.data()[i] = static_cast<T>(static_cast<float>(value));
        }
        a.stamp.touch();
    }
}

/// Small values that keep a block lively: weights around 0, batch norm's scale and running variance
/// around 1. They are exact in float.
template <class M>
void fill(M& m, const std::string& salt = "") {
    fill_arrays(arrays_of(m), salt);
}

/// Sets the parameters from one row of all. The row's gradient is gathered last, since it is recorded
/// first.
template <class Context, class T, class S>
void take_row(tape<Context>& t,
              const std::vector<block_array<T, S>>& arrays,
              const variable<T, 1, S>& row) {
    std::int64_t at = 0;
    for (auto a : arrays)
        if (a.slot) {
            copy(t.context, row.value.slice(at, a.values.dims()), a.values.view());
            a.stamp.touch();
            at += a.values.size();
        }
    if (t.wants(row))
        t.record([arrays, slot = row.slot, dims = row.dims()](Context& ctx) {
            static_cast<void>(slot->claim(ctx, dims));
            std::int64_t to = 0;
            for (const auto& a : arrays)
                if (a.slot) {
                    INFO(a.name);
                    REQUIRE(a.slot->written());
                    const shape<1> size = a.values.dims();
                    copy(ctx, view<const T, 1>{a.slot->data(), size},
                         slot->gradient().slice(to, size).view());
                    a.slot->reset();
                    to += size.size();
                }
        });
}

/// A block as an op (tape, all its parameters in one row, inputs...), which calls
/// call(block, tape, inputs...).
template <class M, class Call>
auto as_op(M& m, Call call) {
    return [&m, arrays = arrays_of(m), call](auto& t, const auto& row, const auto&... x) {
        take_row(t, arrays, row);
        return call(m, t, x...);
    };
}

/// A part of one of the op's arguments.
struct part {
    std::string name;
    std::size_t begin, end;
};

/// Compares, for each part of an argument, the slope along a random direction and at three elements
/// with what the gradient says. The step is small, so that no ReLU changes sides. `value` gives the
/// objective of what stands in `x`.
template <int R>
void check_slopes(array<R>& x,
                  const array<R>& gradient,
                  const std::vector<part>& parts,
                  const std::function<double()>& value) {
    const auto start = x;
    const auto check = [&](const std::string& name, const std::vector<double>& direction,
                           std::size_t begin) {
        const auto at = [&](double shift) {
            x = start;
            for (std::size_t i = 0; i < direction.size(); ++i)
                x.data[begin + i] += shift * direction[i];
            return value();
        };
        const double e = 0x1p-17;
        const double slope = (8 * (at(e) - at(-e)) - (at(2 * e) - at(-2 * e))) / (12 * e);
        double expected = 0, size = 0.1;
        for (std::size_t i = 0; i < direction.size(); ++i) {
            expected += direction[i] * gradient.data[begin + i];
            size += std::abs(direction[i] * gradient.data[begin + i]);
        }
        INFO(name << ": difference " << slope << ", gradient " << expected);
        CHECK(std::abs(slope - expected) <= 1e-6 * size);
    };
    for (const part& p : parts) {
        const auto count = static_cast<std::int64_t>(p.end - p.begin);
        check(p.name, random_array(shape<1>{{count}}, "direction " + p.name).data, p.begin);
        for (const std::size_t i : {p.begin, (p.begin + p.end) / 2, p.end - 1})
            check(p.name + " at " + std::to_string(i - p.begin), {1.0}, i);
    }
    x = start;
}

/// The slopes of a block as an op of its parameters in one row, whose parts are given, and its inputs.
template <int... R>
void check_block_slopes(cpu::context& ctx,
                        const op_in<cpu::context, double, double, 4, 1, R...>& op,
                        const std::tuple<array<1>, array<R>...>& gradients,
                        const std::vector<part>& parts,
                        const array<1>& row,
                        const array<R>&... inputs) {
    std::tuple<array<1>, array<R>...> all(row, inputs...);
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        const std::function<double()> value = [&] {
            return objective(ctx, op, std::get<0>(all), std::get<I + 1>(all)...);
        };
        check_slopes(std::get<0>(all), std::get<0>(gradients), parts, value);
        (check_slopes(std::get<I + 1>(all), std::get<I + 1>(gradients),
                      {{"input " + std::to_string(I), 0, inputs.data.size()}}, value),
         ...);
    }
    (std::index_sequence_for<array<R>...>());
}

/// The block's values and gradients on a backend, from the parameters in `row`.
template <class T, template <class, class> class M, class Context, class Call, class... A, int... R>
evaluation<4, 1, R...> evaluate_block(Context& ctx,
                                      const std::tuple<A...>& sizes,
                                      Call call,
                                      const array<1>& row,
                                      const array<R>&... inputs) {
    auto m = std::apply([&](const A&... all) { return M<T, typename Context::space>(ctx, all...); },
                        sizes);
    const auto op = as_op(m, call);
    return evaluate<T>(ctx, op, row, inputs...);
}

/// Every schedule gives the same bits, and what `exact` has up to rounding in T.
template <class T, class Context, int... R>
void check_on_backend(const evaluation<4, 1, R...>& exact,
                      const std::function<evaluation<4, 1, R...>(Context&)>& run,
                      double terms) {
    INFO(sizeof(T) * 8 << " bit");
    const auto close = [terms](const auto& got, const auto& want) {
        check_close(got, want, tolerance<T>(terms, largest(want)));
    };
    std::optional<evaluation<4, 1, R...>> first;
    for_each_schedule<Context>([&](Context& ctx) {
        auto got = run(ctx);
        if (first) {
            CHECK(same_bits(*first, got));
            return;
        }
        close(got.y, exact.y);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (close(std::get<I>(got.gradients), std::get<I>(exact.gradients)), ...);
        }
        (std::make_index_sequence<1 + sizeof...(R)>{});
        first = std::move(got);
    });
}

/// All of it for the block M<T, space>(context, sizes...), filled by `fill`, which
/// call(block, tape, inputs...) runs. The plain loops in double are the reference.
template <class Context, template <class, class> class M, class... A, class Call, int... R>
void check_block(const std::tuple<A...>& sizes, Call call, const array<R>&... inputs) {
    cpu::context plain(2);
    auto m = std::apply([&](const A&... all) { return M<double, host>(plain, all...); }, sizes);
    fill(m);
    std::vector<part> parts;
    std::vector<double> values;
    for (const auto& a : arrays_of(m))
        if (a.slot) {
            parts.push_back(
                {a.name, values.size(), values.size() + static_cast<std::size_t>(a.values.size())});
            values.insert(values.end(), a.values.data(), a.values.data() + a.values.size());
        }
    array<1> row(shape<1>{{static_cast<std::int64_t>(values.size())}});
    row.data = values;
    const auto op = as_op(m, call);
    const auto function = op_for<double, cpu::context, 1, R...>(op);
    const auto exact = evaluate_with(plain, function, 1, nullptr, row, inputs...);
    if constexpr (std::is_same_v<Context, cpu::context>)
        check_block_slopes(plain, function, exact.gradients, parts, row, inputs...);
    const auto terms = static_cast<double>(row.data.size() + (inputs.data.size() + ...));
    const auto check = [&]<class T>(T) {
        const std::function<evaluation<4, 1, R...>(Context&)> run = [&](Context& ctx) {
            return evaluate_block<T, M>(ctx, sizes, call, row, inputs...);
        };
        check_on_backend<T>(exact, run, terms);
    };
    check(double());
    check(float());
}

/// The usual call of a block.
inline constexpr auto run_block = [](const auto& m, auto& t, const auto&... x) {
    return m(t, x...);
};

/// What f complains of; empty where it does not.
template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "";
}

/// The block's value for one input.
template <class Context, class M, int... R>
array<4> value_of(Context& ctx, const M& m, mode phase, const array<R>&... inputs) {
    tape<Context> t(ctx, phase, recording::off);
    return download(ctx, m(t, constant(upload<double>(ctx, inputs))...).value);
}

} // namespace pfad::test
