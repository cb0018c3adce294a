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
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::test {

/// Small values that keep a block lively: weights around 0, batch norm's scale and running variance
/// around 1. They are exact in float.
template <class M>
void fill(M& m, const std::string& salt = "") {
    visit(m, "", [&](const std::string& name, auto& p) {
        const bool one = name.ends_with("running_var") ||
                         (name.ends_with("weight") && p.value.dims().size() == p.value.dims()[0]);
        const auto values = random_array(shape<1>{{p.value.size()}}, salt + name, -0.5, 0.5);
        for (std::int64_t i = 0; i < p.value.size(); ++i) {
            using element = std::remove_cvref_t<decltype(p.value.data()[i])>;
            const double value = values.data[static_cast<std::size_t>(i)] + (one ? 1 : 0);
            p.value.data()[i] = static_cast<element>(static_cast<float>(value));
        }
        if constexpr (requires { p.stamp; })
            p.stamp.touch();
    });
}

/// A block as an op (tape, all its parameters in one row, inputs...), which calls
/// call(block, tape, inputs...). The row's gradient is gathered last, since it is recorded first.
template <class M, class Call>
auto as_op(M& m, Call call) {
    return [&m, call](auto& t, const auto& row, const auto&... x) {
        std::int64_t at = 0;
        visit_parameters(m, "", [&](const std::string&, auto& p) {
            copy(t.context, row.value.slice(at, p.dims()), p.value.view());
            p.stamp.touch();
            at += p.value.size();
        });
        if (t.wants(row))
            t.record([&m, slot = row.slot, dims = row.dims()](auto& ctx) {
                static_cast<void>(slot->claim(ctx, dims));
                std::int64_t to = 0;
                visit_parameters(m, "", [&](const std::string& name, auto& p) {
                    INFO(name);
                    REQUIRE(p.slot->written());
                    copy(ctx, p.slot->gradient(), slot->gradient().slice(to, p.dims()).view());
                    p.slot->reset();
                    to += p.value.size();
                });
            });
        return call(m, t, x...);
    };
}

/// A part of one of the op's arguments.
struct part {
    std::string name;
    std::size_t begin, end;
};

/// Compares, for each part of argument I, the slope along a random direction and at three elements
/// with what the gradient says. The step is small, so that no ReLU changes sides.
template <std::size_t I, class Context, class Op, class Gradients, class Arrays>
void check_slopes(Context& ctx,
                  Op& op,
                  const Gradients& gradients,
                  Arrays arrays,
                  const std::vector<part>& parts) {
    auto& x = std::get<I>(arrays);
    const auto start = x;
    const auto& gradient = std::get<I>(gradients);
    const auto check = [&](const std::string& name, const std::vector<double>& direction,
                           std::size_t begin) {
        const auto at = [&](double shift) {
            x = start;
            for (std::size_t i = 0; i < direction.size(); ++i)
                x.data[begin + i] += shift * direction[i];
            return std::apply([&](const auto&... all) { return objective(ctx, op, all...); },
                              arrays);
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

/// The block's values and gradients on a backend, from the parameters in `row`.
template <class T, template <class, class> class M, class Context, class Call, class... A, int... R>
auto evaluate_block(Context& ctx,
                    const std::tuple<A...>& sizes,
                    Call call,
                    const array<1>& row,
                    const array<R>&... inputs) {
    auto m = std::apply([&](const A&... all) { return M<T, typename Context::space>(ctx, all...); },
                        sizes);
    const auto op = as_op(m, call);
    return evaluate<T>(ctx, op, row, inputs...);
}

/// Every schedule gives the same bits, and what `exact` has up to rounding.
template <class T, template <class, class> class M, class Context, class Call, class... A, int... R>
void check_on_backend(const evaluation<4, 1, R...>& exact,
                      const std::tuple<A...>& sizes,
                      Call call,
                      const array<1>& row,
                      const array<R>&... inputs) {
    INFO(sizeof(T) * 8 << " bit");
    const auto terms = static_cast<double>(row.data.size() + (inputs.data.size() + ...));
    const auto close = [terms](const auto& got, const auto& want) {
        check_close(got, want, tolerance<T>(terms, largest(want)));
    };
    std::optional<evaluation<4, 1, R...>> first;
    for_each_schedule<Context>([&](Context& ctx) {
        const auto got = evaluate_block<T, M>(ctx, sizes, call, row, inputs...);
        if (first) {
            CHECK(same_bits(*first, got));
            return;
        }
        close(got.y, exact.y);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (close(std::get<I>(got.gradients), std::get<I>(exact.gradients)), ...);
        }
        (std::make_index_sequence<1 + sizeof...(R)>{});
        first = got;
    });
}

/// All of it for the block M<T, space>(context, sizes...), filled by `fill`, which
/// call(block, tape, inputs...) runs. The plain loops in double are the reference.
template <class Context, template <class, class> class M, class... A, class Call, int... R>
void check_block(const std::tuple<A...>& sizes, Call call, const array<R>&... inputs) {
    cpu::context plain(2);
    auto m = std::apply([&](const A&... all) { return M<double, host>(plain, all...); }, sizes);
    fill(m);
    array<1> row(shape<1>{{parameter_count(m)}});
    std::vector<part> parts;
    std::size_t at = 0;
    visit_parameters(m, "", [&](const std::string& name, auto& p) {
        std::copy_n(p.value.data(), p.value.size(), row.data.begin() + static_cast<long>(at));
        parts.push_back({name, at, at + static_cast<std::size_t>(p.value.size())});
        at = parts.back().end;
    });
    const auto op = as_op(m, call);
    const auto exact = evaluate<double>(plain, op, row, inputs...);
    if constexpr (std::is_same_v<Context, cpu::context>) {
        const std::tuple<array<1>, array<R>...> all(row, inputs...);
        check_slopes<0>(plain, op, exact.gradients, all, parts);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (check_slopes<I + 1>(plain, op, exact.gradients, all,
                                 {{"input " + std::to_string(I), 0, inputs.data.size()}}),
             ...);
        }
        (std::index_sequence_for<array<R>...>());
    }
    check_on_backend<double, M, Context>(exact, sizes, call, row, inputs...);
    check_on_backend<float, M, Context>(exact, sizes, call, row, inputs...);
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
