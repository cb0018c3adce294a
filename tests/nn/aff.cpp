#include "nn/module_check.hpp"

#include <pfad/nn/aff.hpp>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("aff: c^2 + 7.5 c parameters", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {8, 64, 256}) {
        nn::aff<float> m(ctx, c);
        CHECK(parameter_count(m) == c * c + 15 * c / 2);
    }
}

TEST_CASE("aff: parameters of each pooled norm, and a second 1x1 that starts at zero", "[nn]") {
    using enum nn::pooled_norm;
    cpu::context ctx(1);
    const int c = 64, hidden = c / 4;
    const int published = c * c + 15 * c / 2;
    for (const auto& [kind, less] :
         {std::pair(batch, 0), {layer, 2 * c}, {none, 2 * c + 2 * hidden}, {pixel, 2 * c}}) {
        nn::aff<float> m(ctx, c, kind);
        CHECK(parameter_count(m) == published - less);
        initialise(m, "aff", initialiser::kaiming_fan_out, 3);
        const auto all_zero = [](auto&& values) {
            return std::ranges::all_of(values, [](float v) { return v == 0; });
        };
        CHECK(all_zero(elements(m.global_branch.expand.weight)) == (kind != batch));
        CHECK(all_zero(elements(*m.global_branch.expand.bias)) == (kind != batch));
        CHECK_FALSE(all_zero(elements(m.global_branch.reduce.weight)));
    }
}

TEMPLATE_LIST_TEST_CASE("aff: gradients of each pooled norm", "[nn]", backends) {
    using enum nn::pooled_norm;
    const shape<4> dims = {{3, 3, 4, 8}};
    for (const auto kind : {layer, none, pixel})
        check_block<TestType, nn::aff>(
            std::tuple(8, kind, 2),
            [](const auto& m, auto& t, const auto& x, const auto& r) {
                return m(t, x, r, post::none);
            },
            random_array(dims, "x"), random_array(dims, "r"));
}

TEST_CASE("aff: what pictures stand beside one in a batch matters to the published norm alone",
          "[nn]") {
    using enum nn::pooled_norm;
    cpu::context ctx(1);
    const auto x = random_array(shape<4>{{2, 3, 4, 8}}, "x");
    auto bright = x; // the second picture is another one
    for (std::size_t i = x.data.size() / 2; i < x.data.size(); ++i)
        bright.data[i] += 5;
    for (const auto kind : {batch, layer, none}) {
        nn::aff<double> m(ctx, 8, kind);
        fill(m);
        // The local branch sees no pictures.
        for (double& w : elements(m.local_branch.expand_bn.parameters.weight))
            w = 0;
        const auto y = value_of(ctx, m, mode::train, x, scaled(x, 0.5));
        const auto z = value_of(ctx, m, mode::train, bright, scaled(bright, 0.5));
        const bool same = std::equal(y.data.begin(), y.data.begin() + 96, z.data.begin());
        CHECK(same == (kind != batch));
    }
}

TEST_CASE("aff: by pixels, a picture in training has the value of evaluation with its statistics",
          "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 8, nn::pooled_norm::pixel);
    fill(m);
    const auto x = random_array(shape<4>{{3, 3, 4, 8}}, "x"),
               r = random_array(shape<4>{{3, 3, 4, 8}}, "r");
    const auto trained = value_of(ctx, m, mode::train, x, r);
    // One step with momentum 0.1 from known statistics tells those of the batch.
    const double rows = 36;
    const auto statistics_of_batch = [&](auto& bn, const auto& mean, const auto& variance) {
        for (std::int64_t i = 0; i < bn.parameters.running_mean.value.size(); ++i) {
            double& m_ = bn.parameters.running_mean.value.data()[i];
            double& v_ = bn.parameters.running_variance.value.data()[i];
            const auto k = static_cast<std::size_t>(i);
            m_ = (m_ - 0.9 * mean[k]) / 0.1;
            v_ = (v_ - 0.9 * variance[k]) / 0.1 * (rows - 1) / rows;
        }
    };
    nn::aff<double> start(ctx, 8, nn::pooled_norm::pixel);
    fill(start);
    const auto undo = [&](auto& now, auto& then) {
        const auto all = [](const auto& v) {
            return std::vector<double>(v.value.data(), v.value.data() + v.value.size());
        };
        statistics_of_batch(now, all(then.parameters.running_mean),
                            all(then.parameters.running_variance));
    };
    undo(*m.global_branch.reduce_bn, *start.global_branch.reduce_bn);
    undo(m.local_branch.reduce_bn, start.local_branch.reduce_bn);
    undo(m.local_branch.expand_bn, start.local_branch.expand_bn);
    check_close(value_of(ctx, m, mode::eval, x, r), trained, 1e-12);
}

TEMPLATE_LIST_TEST_CASE("aff: gradients, with and without ReLU", "[nn]", backends) {
    const shape<4> dims = {{3, 3, 4, 4}};
    for (const post after : {post::none, post::relu})
        check_block<TestType, nn::aff>(
            std::tuple(4, nn::pooled_norm::batch, 2),
            [after](const auto& m, auto& t, const auto& x, const auto& r) {
                return m(t, x, r, after);
            },
            random_array(dims, "x"), random_array(dims, "r"));
}

TEST_CASE("aff: two equal inputs give twice that input", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const auto x = random_array(shape<4>{{3, 3, 4, 4}}, "x");
    for (const mode phase : {mode::train, mode::eval})
        check_close(value_of(ctx, m, phase, x, x), scaled(x, 2), 1e-14);
}

TEST_CASE("aff: lies between twice the one input and twice the other", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const shape<4> dims = {{3, 3, 4, 4}};
    const auto x = random_array(dims, "x"), r = random_array(dims, "r");
    const auto y = value_of(ctx, m, mode::eval, x, r);
    for (std::size_t i = 0; i < x.data.size(); ++i) {
        CHECK(y.data[i] > 2 * std::min(x.data[i], r.data[i]) - 1e-12);
        CHECK(y.data[i] < 2 * std::max(x.data[i], r.data[i]) + 1e-12);
    }
}

TEST_CASE("aff: a batch of one is refused in training and served in evaluation", "[nn]") {
    cpu::context ctx(1);
    nn::aff<double> m(ctx, 4);
    fill(m);
    const auto x = random_array(shape<4>{{1, 3, 4, 4}}, "x");
    for (const auto kind :
         {nn::pooled_norm::layer, nn::pooled_norm::none, nn::pooled_norm::pixel}) {
        nn::aff<double> single(ctx, 4, kind);
        fill(single);
        CHECK_FALSE(error_code([&] { value_of(ctx, single, mode::train, x, x); }));
    }
    CHECK_FALSE(error_code([&] { value_of(ctx, m, mode::eval, x, x); }));
    CHECK(error_code([&] { value_of(ctx, m, mode::train, x, x); }) == errc::shape);
    CHECK(message_of([&] { value_of(ctx, m, mode::train, x, x); }).find("a batch of two or more") !=
          std::string::npos);
}
