#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/batch_norm.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

/// Mean and biased variance a channel.
std::pair<std::vector<double>, std::vector<double>> statistics(const array<4>& x) {
    const std::size_t c = static_cast<std::size_t>(x.extent(3)), rows = x.data.size() / c;
    std::vector<double> mean(c), variance(c);
    for (std::size_t i = 0; i < x.data.size(); ++i)
        mean[i % c] += x.data[i] / static_cast<double>(rows);
    for (std::size_t i = 0; i < x.data.size(); ++i)
        variance[i % c] += std::pow(x.data[i] - mean[i % c], 2) / static_cast<double>(rows);
    return {mean, variance};
}

array<4> normalise(array<4> x,
                   const std::vector<double>& mean,
                   const std::vector<double>& variance,
                   const array<1>& weight,
                   const array<1>& bias,
                   const array<4>* residual,
                   post after) {
    const std::size_t c = mean.size();
    for (std::size_t i = 0; i < x.data.size(); ++i) {
        const std::size_t k = i % c;
        double y = (x.data[i] - mean[k]) / std::sqrt(variance[k] + 1e-5) * weight.data[k] +
                   bias.data[k] + (residual ? residual->data[i] : 0);
        x.data[i] = after == post::relu ? std::max(y, 0.0) : y;
    }
    return x;
}

template <class C, class T, class S>
batch_norm_parameters<T, S>
parameters(tape<C>& t, const variable<T, 1, S>& weight, const variable<T, 1, S>& bias) {
    C& ctx = t.context;
    return {as_parameter(t, weight),
            as_parameter(t, bias),
            {full(ctx, weight.dims(), accumulator_t<T>(0.25))},
            {full(ctx, weight.dims(), accumulator_t<T>(2))}};
}

/// Evaluation inside of a training tape: the same tape settings, another phase.
template <class C, class T, class S>
maps<T, S> evaluated(tape<C>& t,
                     const maps<T, S>& x,
                     const batch_norm_parameters<T, S>& p,
                     post after,
                     const maps<T, S>& residual) {
    auto& phase = const_cast<mode&>(t.phase);
    phase = mode::eval;
    auto y = batch_norm(t, x, p, after, residual);
    phase = mode::train;
    return y;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("batch_norm: training, value and gradients", "[ops]", backends) {
    const auto op = [](auto& t, const auto& x, const auto& w, const auto& b) {
        return batch_norm(t, x, parameters(t, w, b));
    };
    const auto wanted = [](const array<4>& x, const array<1>& w, const array<1>& b) {
        const auto [mean, variance] = statistics(x);
        return normalise(x, mean, variance, w, b, nullptr, post::none);
    };
    for (const shape<4>& dims : {shape<4>{{3, 5, 4, 6}}, shape<4>{{2, 1, 1, 3}},
                                 shape<4>{{1, 7, 11, 1}}, shape<4>{{2, 7, 9, 8}}}) {
        INFO(to_string(dims));
        check_op<TestType>(op, wanted, thorough::everything, 64, 4, random_array(dims, "x", -2, 3),
                           random_array(shape<1>{{dims[3]}}, "w", 0.5, 1.5),
                           random_array(shape<1>{{dims[3]}}, "b"));
    }
    const shape<4> many = {{3, 41, 37, 19}};
    check_op<TestType>(op, wanted, thorough::value_and_bits, 64, 16, random_array(many, "x", -2, 3),
                       random_array(shape<1>{{19}}, "w", 0.5, 1.5),
                       random_array(shape<1>{{19}}, "b"));
}

TEMPLATE_LIST_TEST_CASE("batch_norm: residual and relu in the same pass", "[ops]", backends) {
    const shape<4> dims = {{2, 3, 4, 5}};
    // Residuals far apart keep every sum away from the kink.
    const auto residual = spread_array(dims, "residual", 0.25);
    check_op<TestType>(
        [](auto& t, const auto& x, const auto& w, const auto& b, const auto& r) {
            return batch_norm(t, x, parameters(t, w, b), post::relu, r);
        },
        [](const array<4>& x, const array<1>& w, const array<1>& b, const array<4>& r) {
            const auto [mean, variance] = statistics(x);
            return normalise(x, mean, variance, w, b, &r, post::relu);
        },
        thorough::everything, 64, 16, random_array(dims, "x", -0.02, 0.02),
        array<1>(shape<1>{{5}}, 0.015625), array<1>(shape<1>{{5}}, 0.03125), residual);
}

TEMPLATE_LIST_TEST_CASE("batch_norm: evaluation, value and gradients", "[ops]", backends) {
    const shape<4> dims = {{2, 3, 4, 5}};
    check_op<TestType>(
        [](auto& t, const auto& x, const auto& w, const auto& b, const auto& r) {
            return evaluated(t, x, parameters(t, w, b), post::none, r);
        },
        [](const array<4>& x, const array<1>& w, const array<1>& b, const array<4>& r) {
            return normalise(x, std::vector<double>(5, 0.25), std::vector<double>(5, 2), w, b, &r,
                             post::none);
        },
        thorough::everything, 64, 4, random_array(dims, "x"), random_array(shape<1>{{5}}, "w"),
        random_array(shape<1>{{5}}, "b"), random_array(dims, "r"));
}

TEMPLATE_LIST_TEST_CASE("batch_norm: training updates the running statistics, evaluation does not",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const auto x = random_array(shape<4>{{2, 3, 5, 4}}, "x", -1, 3);
    const auto image = constant(upload<double>(ctx, x));
    tape<TestType> eval(ctx, mode::eval);
    const auto p = parameters(eval, constant(full(ctx, shape<1>{{4}}, 1.0)),
                              constant(full(ctx, shape<1>{{4}}, 0.0)));
    static_cast<void>(batch_norm(eval, image, p));
    CHECK(read_elements(ctx, p.running_mean.value)[1] == 0.25);
    tape<TestType> train(ctx, mode::train);
    static_cast<void>(batch_norm(train, image, p));
    const auto [mean, variance] = statistics(x);
    const auto running_mean = read_elements(ctx, p.running_mean.value);
    const auto running_variance = read_elements(ctx, p.running_variance.value);
    for (std::size_t c = 0; c < 4; ++c) {
        CHECK(running_mean[c] == Approx(0.9 * 0.25 + 0.1 * mean[c]).epsilon(1e-13));
        CHECK(running_variance[c] == Approx(0.9 * 2 + 0.1 * variance[c] * 30 / 29).epsilon(1e-13));
    }
}

TEMPLATE_LIST_TEST_CASE("batch_norm: a large mean does not cancel the variance",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    // More than 64 rows in each of 512 chunks.
    auto x = random_array(shape<4>{{4, 103, 100, 3}}, "x");
    for (double& value : x.data)
        value = static_cast<double>(static_cast<float>(1000 + value));
    const auto variance = empty<float>(ctx, shape<1>{{3}});
    const auto mean = empty<float>(ctx, shape<1>{{3}});
    batch_norm_statistics<float>(ctx, upload<float>(ctx, x), mean.view(), variance.view());
    const auto wanted = statistics(x);
    for (std::size_t c = 0; c < 3; ++c) {
        CHECK(download(ctx, mean).data[c] == Approx(wanted.first[c]).epsilon(1e-6));
        CHECK(download(ctx, variance).data[c] == Approx(wanted.second[c]).epsilon(1e-3));
    }
}

TEMPLATE_LIST_TEST_CASE("batch_norm: input or residual may be a constant", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const shape<4> dims = {{2, 3, 5, 4}};
    const auto x = random_array(dims, "x"), r = random_array(dims, "r");
    const auto fixed = [&ctx](const array<4>& a) { return constant(upload<double>(ctx, a)); };
    const auto run = [](auto& t, const auto& a, const auto& residual) {
        auto& c = t.context;
        return batch_norm(
            t, a,
            parameters(t, leaf(full(c, shape<1>{{4}}, 1.5)), leaf(full(c, shape<1>{{4}}, 0.25))),
            post::relu, residual);
    };
    auto both = run;
    auto input = [&](auto& t, const auto& a) { return run(t, a, fixed(r)); };
    auto residual = [&](auto& t, const auto& a) { return run(t, fixed(x), a); };
    const auto want = evaluate<double>(ctx, both, x, r);
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, input, x).gradients),
                    std::get<0>(want.gradients)));
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, residual, r).gradients),
                    std::get<1>(want.gradients)));
}

TEST_CASE("batch_norm: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    const auto run = [&](const shape<4>& x, std::int64_t c, const maps<float>& residual, mode m) {
        return error_code([&] {
            tape<cpu::context> t(ctx, m);
            const auto p = parameters(t, constant(full(ctx, shape<1>{{c}}, 1.0f)),
                                      constant(full(ctx, shape<1>{{c}}, 0.0f)));
            batch_norm(t, constant(full(ctx, x, 1.0f)), p, post::none, residual);
        });
    };
    const auto other = constant(full(ctx, shape<4>{{2, 1, 3, 4}}, 1.0f));
    CHECK_FALSE(run({{2, 3, 1, 4}}, 4, {}, mode::train));
    CHECK(run({{2, 3, 1, 4}}, 3, {}, mode::train) == errc::shape);
    CHECK(run({{2, 3, 1, 4}}, 4, other, mode::train) == errc::shape);
    CHECK(run({{1, 1, 1, 4}}, 4, {}, mode::train) == errc::shape);
    CHECK_FALSE(run({{1, 1, 1, 4}}, 4, {}, mode::eval));
}
