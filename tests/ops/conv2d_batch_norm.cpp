#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/branch_conv2d.hpp>
#include <pfad/ops/conv2d_batch_norm.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

using namespace pfad;
using namespace pfad::test;

namespace {

/// What batch norm normalises with.
struct channels {
    array<1> weight, bias, mean, variance;

    explicit channels(std::int64_t k)
        : weight(random_array(shape<1>{{k}}, "weight", 0.5, 1.5)),
          bias(random_array(shape<1>{{k}}, "bias")), mean(random_array(shape<1>{{k}}, "mean")),
          variance(random_array(shape<1>{{k}}, "variance", 0.5, 2)) {}

    template <class T, class C>
    [[nodiscard]] batch_norm_parameters<T, typename C::space> parameters(C& ctx) const {
        using A = accumulator_t<T>;
        return {as_parameter(constant(upload<A>(ctx, weight))),
                as_parameter(constant(upload<A>(ctx, bias))),
                {upload<A>(ctx, mean)},
                {upload<A>(ctx, variance)}};
    }
};

/// A weight with a stamp, so that backends may keep what they make of it.
template <class T, class C>
parameter<T, 4, typename C::space> filter(C& ctx, const array<4>& values) {
    parameter<T, 4, typename C::space> result;
    result.value = upload<T>(ctx, values);
    return result;
}

struct convolution {
    shape<4> x;
    std::int64_t filters, kernel;
    conv2d_geometry g;
    bool bias;
    post after;
    bool residual;
};

/// What the op has beside its input, where the backend is.
template <class T, class S>
struct operands {
    parameter<T, 4, S> w;
    batch_norm_parameters<T, S> norm;
    std::optional<parameter<accumulator_t<T>, 1, S>> bias;
};

template <class T, class C>
operands<T, typename C::space>
place(C& ctx, const convolution& z, const array<4>& w, const channels& norm) {
    operands<T, typename C::space> result = {filter<T>(ctx, w), norm.parameters<T>(ctx),
                                             std::nullopt};
    if (z.bias)
        result.bias = as_parameter(
            constant(upload<accumulator_t<T>>(ctx, random_array(shape<1>{{z.filters}}, "b"))));
    return result;
}

/// The op in evaluation with nothing to be differentiated, which is where it may be fused.
template <class T, class C>
array<4> fused(C& ctx, const convolution& z, const operands<T, typename C::space>& o) {
    tape<C> t(ctx, mode::eval);
    maps<T, typename C::space> residual;
    if (z.residual)
        residual = constant(
            upload<T>(ctx, random_array(shape<4>{{z.x[0], z.g.output(z.x[1], z.kernel),
                                                  z.g.output(z.x[2], z.kernel), z.filters}},
                                        "residual")));
    const auto x = constant(upload<T>(ctx, random_array(z.x, "x")));
    return download(ctx,
                    conv2d_batch_norm(t, x, o.w, o.bias, z.g, o.norm, z.after, residual).value);
}

array<4> weights(const convolution& z, const char* name) {
    return random_array(shape<4>{{z.filters, z.kernel, z.kernel, z.x[3]}}, name);
}

/// The two ops one after the other on the plain loops in double.
array<4> wanted(const convolution& z, const array<4>& weight, const channels& norm) {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto w = filter<double>(ctx, weight);
    std::optional<parameter<double, 1>> bias;
    if (z.bias)
        bias =
            as_parameter(constant(upload<double>(ctx, random_array(shape<1>{{z.filters}}, "b"))));
    const auto y = conv2d(t, constant(upload<double>(ctx, random_array(z.x, "x"))), w, bias, z.g);
    maps<double> residual;
    if (z.residual)
        residual = constant(upload<double>(ctx, random_array(y.dims(), "residual")));
    return download(ctx, batch_norm(t, y, norm.parameters<double>(ctx), z.after, residual).value);
}

} // namespace

TEMPLATE_LIST_TEST_CASE("conv2d_batch_norm: evaluation in one pass", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    for (const convolution& z :
         {convolution{{{2, 5, 7, 3}}, 4, 3, {1, 1, 1}, false, post::relu, false},
          convolution{{{1, 9, 8, 16}}, 32, 3, {2, 1, 1}, false, post::none, false},
          convolution{{{2, 4, 4, 16}}, 16, 1, {1, 0, 1}, true, post::relu, false},
          convolution{{{2, 4, 4, 16}}, 16, 1, {1, 0, 1}, true, post::none, true},
          convolution{{{1, 6, 5, 8}}, 8, 3, {1, 1, 1}, false, post::relu, true}}) {
        INFO(to_string(z.x) << " to " << z.filters);
        const auto check = [&]<class T>(T) {
            const channels norm(z.filters);
            const auto o = place<T>(ctx, z, weights(z, "w"), norm);
            const auto want = wanted(z, rounded<T>(weights(z, "w")), norm);
            const auto got = fused<T>(ctx, z, o);
            const double terms = static_cast<double>(z.kernel * z.kernel * z.x[3]);
            check_close(got, want, tolerance<T>(terms, 4));
            CHECK(same_bits(fused<T>(ctx, z, o), got)); // of what a backend keeps
#if defined(PFAD_TEST_GPU)
            // Of a network that stays as it is.
            cuda::fixed_networks kept;
            ctx.fixed = &kept;
            const auto folded = fused<T>(ctx, z, o);
            check_close(folded, want, tolerance<T>(terms, 4));
            CHECK(same_bits(fused<T>(ctx, z, o), folded));
            CHECK(kept.size() == 1);
            ctx.fixed = nullptr;
#endif
        };
        check(double());
        for_each_element<TestType>(check);
    }
}

TEMPLATE_LIST_TEST_CASE("conv2d_batch_norm: changed weights and statistics are seen",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const convolution z = {{{1, 4, 5, 16}}, 16, 3, {1, 1, 1}, false, post::none, false};
    channels norm(z.filters);
    auto o = place<float>(ctx, z, weights(z, "w"), norm);
    const auto check = [&](const char* w) {
        check_close(fused<float>(ctx, z, o), wanted(z, weights(z, w), norm),
                    tolerance<float>(144, 4));
    };
    check("w");
    norm.variance.data[5] *= 4;
    norm.mean.data[3] += 1;
    write_elements(ctx, o.norm.running_variance.value, elements<float>(norm.variance));
    write_elements(ctx, o.norm.running_mean.value, elements<float>(norm.mean));
    check("w");
    write_elements(ctx, o.w.value, elements<float>(weights(z, "other")));
    o.w.stamp.touch();
    check("other");
}

TEMPLATE_LIST_TEST_CASE("conv2d_batch_norm: what is recorded has the gradients of both",
                        "[ops]",
                        backends) {
    const shape<4> dims = {{2, 4, 5, 3}};
    const auto both = [](auto& t, const auto& x, const auto& w, const auto& g, const auto& b,
                         const auto& r, bool as_one) {
        using T = typename std::remove_cvref_t<decltype(x.value)>::element;
        auto& ctx = t.context;
        const shape<1> k = {{4}};
        const batch_norm_parameters<T, typename std::remove_cvref_t<decltype(ctx)>::space> p = {
            as_parameter(t, g),
            as_parameter(t, b),
            {full(ctx, k, accumulator_t<T>(0))},
            {full(ctx, k, accumulator_t<T>(1))}};
        const auto filter = as_parameter(t, w);
        return as_one
                   ? conv2d_batch_norm(t, x, filter, std::nullopt, {1, 1, 1}, p, post::relu, r)
                   : batch_norm(t, conv2d(t, x, filter, std::nullopt, {1, 1, 1}), p, post::relu, r);
    };
    auto ctx = make_context<TestType>(1);
    const auto run = [&](bool as_one) {
        auto op = [&](auto& t, const auto&... inputs) { return both(t, inputs..., as_one); };
        return evaluate<float>(ctx, op, random_array(dims, "x"),
                               random_array(shape<4>{{4, 3, 3, 3}}, "w"),
                               random_array(shape<1>{{4}}, "g"), random_array(shape<1>{{4}}, "b"),
                               random_array(shape<4>{{2, 4, 5, 4}}, "r"));
    };
    CHECK(same_bits(run(true), run(false)));
}

TEMPLATE_LIST_TEST_CASE("branch_conv2d_batch_norm: evaluation in one pass", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    const shape<4> dims = {{2, 5, 4, 8}};
    const auto x = random_array(dims, "x"), a = random_array(shape<4>{{6, 1, 1, 8}}, "a", -2, 2);
    const auto w = random_array(shape<4>{{24, 3, 3, 8}}, "w"), r = random_array(dims, "r");
    const channels norm(8);
    const auto run = [&]<class T, class C>(T, C& c, bool as_one, post after, bool with_residual) {
        tape<C> t(c, mode::eval);
        const auto p = norm.parameters<T>(c);
        const auto in = constant(upload<T>(c, x)), attention = constant(upload<T>(c, a));
        const auto filters = filter<T>(c, w);
        maps<T, typename C::space> residual;
        if (with_residual)
            residual = constant(upload<T>(c, r));
        return download(
            c, (as_one ? branch_conv2d_batch_norm(t, in, attention, filters, 3, p, after, residual)
                       : batch_norm(t, branch_conv2d(t, in, attention, filters, 3), p, after,
                                    residual))
                   .value);
    };
    cpu::context plain(1);
    const auto check = [&]<class T>(T element) {
        for (const post after : {post::none, post::relu})
            for (const bool residual : {false, true})
                check_close(run(element, ctx, true, after, residual),
                            run(double(), plain, false, after, residual), tolerance<T>(72, 4));
    };
    check(double());
    for_each_element<TestType>(check);
}

#if defined(PFAD_TEST_GPU)

TEMPLATE_LIST_TEST_CASE("conv2d_batch_norm: what is kept is of this weight and this batch norm",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    cuda::fixed_networks kept;
    ctx.fixed = &kept;
    const convolution z = {{{1, 4, 5, 16}}, 16, 3, {1, 1, 1}, true, post::relu, true};
    channels norm(z.filters), other(z.filters);
    other.mean.data[3] += 1;
    const auto check = [&](const auto& o, const char* w, const channels& n) {
        check_close(fused<float>(ctx, z, o), wanted(z, weights(z, w), n), tolerance<float>(144, 4));
    };
    auto one = place<float>(ctx, z, weights(z, "w"), norm);
    const auto two = place<float>(ctx, z, weights(z, "other"), other);
    check(one, "w", norm);
    check(two, "other", other);
    auto shared = one; // the weight behind which another batch norm stands
    shared.norm = two.norm;
    check(shared, "w", other);
    check(one, "w", norm);
    CHECK(kept.size() == 3);
    write_elements(ctx, one.w.value, elements<float>(weights(z, "other")));
    one.w.stamp.touch();
    check(one, "other", norm);
    CHECK(kept.size() == 4);
}

TEMPLATE_LIST_TEST_CASE("conv2d_batch_norm: a ReLU keeps a NaN", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    cuda::fixed_networks kept;
    const convolution z = {{{1, 4, 5, 16}}, 16, 3, {1, 1, 1}, false, post::relu, false};
    auto w = weights(z, "w");
    w.data[5 * 144] = std::numeric_limits<double>::quiet_NaN();
    const auto o = place<float>(ctx, z, w, channels(z.filters));
    for (const bool folded : {false, true}) {
        ctx.fixed = folded ? &kept : nullptr;
        const auto y = fused<float>(ctx, z, o);
        CHECK(std::isnan(y.data[5 + 16 * 7]));
        CHECK_FALSE(std::isnan(y.data[4 + 16 * 7]));
    }
}

// By another name, so that the sanitizers of a GPU see it, which leave out what cuDNN computes.
TEMPLATE_LIST_TEST_CASE("fold_batch_norm: scales filters, and makes an offset of the rest",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    for (const std::int64_t c : {3, 16}) {
        const channels norm(5);
        const auto w = random_array(shape<4>{{5, 3, 3, c}}, "w");
        const auto b = random_array(shape<1>{{5}}, "b");
        const auto check = [&]<class T>(T) {
            using A = accumulator_t<T>;
            const auto p = norm.parameters<T>(ctx);
            const auto from = upload<T>(ctx, w);
            const auto bias = upload<A>(ctx, b);
            const auto to = empty<T>(ctx, w.dims);
            const auto offset = empty<T>(ctx, b.dims);
            fold_batch_norm(ctx, from, bias, running_norm(p, post::none, 1e-5), to.view(),
                            offset.view());
            auto want = rounded<T>(w);
            auto shift = b;
            for (std::int64_t k = 0; k < 5; ++k) {
                const double scale = norm.weight.data[k] / std::sqrt(norm.variance.data[k] + 1e-5);
                for (std::int64_t i = 0; i < 9 * c; ++i)
                    want.data[k * 9 * c + i] *= scale;
                shift.data[k] = norm.bias.data[k] + (b.data[k] - norm.mean.data[k]) * scale;
            }
            check_close(download(ctx, to), want, tolerance<T>(1, 2));
            check_close(download(ctx, offset), shift, tolerance<T>(1, 4));
        };
        check(double());
        for_each_element<TestType>(check);
    }
}

#endif

TEST_CASE("conv2d_batch_norm: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    const auto run = [&](const shape<4>& w, std::int64_t k, const shape<4>& residual) {
        return error_code([&] {
            tape<cpu::context> t(ctx, mode::eval);
            const auto of = [&](float value) { return full(ctx, shape<1>{{k}}, value); };
            conv2d_batch_norm(
                t, constant(full(ctx, shape<4>{{1, 4, 4, 3}}, 1.0f)),
                as_parameter(constant(full(ctx, w, 1.0f))), std::nullopt, {1, 1, 1},
                {as_parameter(constant(of(1))), as_parameter(constant(of(0))), {of(0)}, {of(1)}},
                post::none, constant(full(ctx, residual, 1.0f)));
        });
    };
    CHECK_FALSE(run({{2, 3, 3, 3}}, 2, {{1, 4, 4, 2}}));
    CHECK(run({{2, 3, 3, 2}}, 2, {{1, 4, 4, 2}}) == errc::shape);
    CHECK(run({{2, 3, 3, 3}}, 3, {{1, 4, 4, 2}}) == errc::shape);
    CHECK(run({{2, 3, 3, 3}}, 2, {{1, 4, 3, 2}}) == errc::shape);
}
