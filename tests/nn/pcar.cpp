#include "nn/module_check.hpp"

#include <pfad/nn/pcar.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

// The kernel of branch i, output channel k, becomes `scale` times the identity of channel k.
template <class M>
void set_identity(M& m, int branch, std::int64_t k, double scale) {
    const auto [rows, r, s, c] = m.convs.weight.dims().extent;
    const auto w = elements(m.convs.weight);
    for (std::int64_t tap = 0; tap < r * s; ++tap)
        for (std::int64_t i = 0; i < c; ++i)
            w[static_cast<std::size_t>(((branch * c + k) * r * s + tap) * c + i)] =
                tap == r * s / 2 && i == k ? scale : 0;
}

} // namespace

TEST_CASE("pcar: 27 c^2 parameters and one shared SPR's", "[nn]") {
    cpu::context ctx(1);
    for (const int c : {16, 64, 128}) {
        nn::pcar<float> m(ctx, c);
        CHECK(parameter_count(m) == 27 * c * c + 6 * c * c / 16 + c / 16 + c);
    }
}

TEMPLATE_LIST_TEST_CASE("pcar: gradients, either way", "[nn]", backends) {
    for (const auto path : {nn::pcar_path::branches, nn::pcar_path::one_kernel})
        check_block<TestType, nn::pcar>(std::tuple(4, path), run_block,
                                        random_array(shape<4>{{2, 5, 4, 4}}, "x"));
}

TEST_CASE("pcar: both ways give the same, value and gradients", "[nn]") {
    cpu::context ctx(2);
    const auto run = [&](nn::pcar_path path, const shape<4>& dims) {
        nn::pcar<double> m(ctx, 8, path);
        fill(m);
        array<1> row(shape<1>{{parameter_count(m)}});
        std::size_t at = 0;
        visit_parameters(m, "", [&](const std::string&, auto& p) {
            std::copy_n(p.value.data(), p.value.size(), row.data.begin() + static_cast<long>(at));
            at += static_cast<std::size_t>(p.value.size());
        });
        const auto op = as_op(m, run_block);
        return evaluate<double>(ctx, op, row, random_array(dims, "x"));
    };
    const shape<4> large = {{3, 18, 17, 8}}, small = {{3, 5, 4, 8}};
    const auto want = run(nn::pcar_path::branches, large);
    const auto got = run(nn::pcar_path::one_kernel, large);
    check_close(got.y, want.y, 1e-9 * largest(want.y));
    const auto close = [](const auto& a, const auto& b) { check_close(a, b, 1e-9 * largest(b)); };
    close(std::get<0>(got.gradients), std::get<0>(want.gradients));
    close(std::get<1>(got.gradients), std::get<1>(want.gradients));
    // Large maps take one kernel by themselves, small ones the branches, which round differently.
    CHECK_FALSE(same_bits(got, want));
    CHECK(same_bits(run(nn::pcar_path::measured, large), got));
    CHECK(same_bits(run(nn::pcar_path::measured, small), run(nn::pcar_path::branches, small)));
    CHECK_FALSE(
        same_bits(run(nn::pcar_path::measured, small), run(nn::pcar_path::one_kernel, small)));
}

TEST_CASE("pcar: three equal kernels are that convolution", "[nn]") {
    cpu::context ctx(1);
    nn::pcar<double> m(ctx, 4);
    fill(m);
    nn::conv2d<double> one(ctx, {.in = 4, .out = 4});
    const auto all = elements(m.convs.weight);
    const auto kernel = elements(one.weight);
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = kernel[i % kernel.size()] = all[i % kernel.size()];
    const auto x = random_array(shape<4>{{2, 5, 6, 4}}, "x");
    check_close(value_of(ctx, m, mode::eval, x), value_of(ctx, one, mode::eval, x), 1e-14);
}

TEST_CASE("pcar: the branches' weights sum to one in every channel", "[nn]") {
    // Channel 1 is the same in all branches and the others are not, so the branches have different
    // descriptions and weights; still, channel 1 comes out as it went in.
    cpu::context ctx(1);
    nn::pcar<double> m(ctx, 4);
    fill(m);
    for (int branch = 0; branch < 3; ++branch)
        set_identity(m, branch, 1, 1);
    const auto x = random_array(shape<4>{{2, 5, 6, 4}}, "x");
    const auto y = value_of(ctx, m, mode::eval, x);
    for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t i = 0; i < 5; ++i)
            for (std::int64_t j = 0; j < 6; ++j)
                CHECK(y(n, i, j, 1) == Approx(x(n, i, j, 1)).epsilon(1e-13));
}

TEST_CASE("pcar: a branch weighs between 1 / (1 + 2e) and e / (2 + e)", "[nn]") {
    cpu::context ctx(1);
    nn::pcar<double> m(ctx, 2);
    fill(m);
    for (double& w : elements(m.spr.fc2.weight))
        w *= 100; // saturates the sigmoid of SPR
    for (std::int64_t k = 0; k < 2; ++k)
        for (int branch = 0; branch < 3; ++branch)
            set_identity(m, branch, k, branch == 0 ? 1 : 0);
    const auto x = random_array(shape<4>{{3, 4, 4, 2}}, "x", 1, 40);
    const auto y = value_of(ctx, m, mode::eval, x);
    const double e = std::exp(1.0);
    for (std::size_t i = 0; i < x.data.size(); ++i) {
        CHECK(y.data[i] / x.data[i] >= 1 / (1 + 2 * e) - 1e-12);
        CHECK(y.data[i] / x.data[i] <= e / (2 + e) + 1e-12);
    }
}
