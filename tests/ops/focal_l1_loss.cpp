#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/activation.hpp>
#include <pfad/ops/focal_l1_loss.hpp>
#include <pfad/ops/focal_loss.hpp>
#include <pfad/ops/l1_loss.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

auto op(const array<4>& mask, double gamma) {
    return [mask, gamma](auto& t, const auto& z) {
        using T = typename std::remove_cvref_t<decltype(z.value)>::element;
        return focal_l1_loss(t, z, upload<T>(t.context, mask), gamma).total;
    };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("focal_l1_loss: value and gradient", "[ops]", backends) {
    const auto run = [](const shape<4>& dims, double gamma, thorough how) {
        INFO(to_string(dims) << ", gamma " << gamma);
        const auto mask = random_mask(dims, "mask");
        const auto wanted = [&](const array<4>& z) {
            array<1> loss(shape<1>{{1}});
            for (std::size_t i = 0; i < z.data.size(); ++i) {
                const double p = 1 / (1 + std::exp(-z.data[i]));
                const double q = mask.data[i] > 0.5 ? p : 1 - p;
                loss(0) += (-std::pow(1 - q, gamma) * std::log(q) + std::abs(mask.data[i] - p)) /
                           static_cast<double>(z.data.size());
            }
            return loss;
        };
        check_op<TestType>(op(mask, gamma), wanted, how, 16, 4, random_array(dims, "z", -4, 4));
    };
    for (const double gamma : {0.0, 2.0, 4.0})
        run({{2, 5, 7, 1}}, gamma, thorough::everything);
    run({{1, 1, 1, 1}}, 4, thorough::everything);
    run({{2, 61, 67, 1}}, 4, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("focal_l1_loss: equals the losses of the probabilities",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const shape<4> dims = {{2, 5, 7, 1}};
    const auto mask = random_mask(dims, "mask");
    const auto z = random_array(dims, "z", -4, 4);
    auto separate = [&](auto& t, const auto& x) {
        const auto p = activate(t, sigmoid{}, x);
        const auto m = upload<double>(ctx, mask);
        return add(t, focal_loss(t, p, m, 4), l1_loss(t, p, m));
    };
    auto fused = op(mask, 4);
    const auto a = evaluate<double>(ctx, fused, z), b = evaluate<double>(ctx, separate, z);
    check_close(a.y, b.y, 1e-13);
    check_close(std::get<0>(a.gradients), std::get<0>(b.gradients), 1e-13);
    tape<TestType> t(ctx, mode::eval);
    const auto result =
        focal_l1_loss(t, constant(upload<double>(ctx, z)), upload<double>(ctx, mask), 4);
    const auto parts = download(ctx, result.parts);
    CHECK(parts(0) + parts(1) == download(ctx, result.total.value)(0));
    const auto p = activate(t, sigmoid{}, constant(upload<double>(ctx, z)));
    const auto l1 = download(ctx, l1_loss(t, p, upload<double>(ctx, mask)).value);
    CHECK(parts(1) == Approx(l1(0)).epsilon(1e-13));
}

TEMPLATE_LIST_TEST_CASE("focal_l1_loss: stays finite and right where the sigmoid saturates",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const array<4> mask(shape<4>{{1, 1, 1, 1}}, 1);
    auto loss = op(mask, 4);
    // -log sigmoid(-50) is 50; in float the probability 1 - 2e-22 would be 1.
    CHECK(evaluate<float>(ctx, loss, array<4>(mask.dims, -50)).y.data[0] == Approx(51));
    CHECK(evaluate<float>(ctx, loss, array<4>(mask.dims, -5000)).y.data[0] == Approx(101));
    for (const double z : {-5000.0, -50.0, 50.0, 5000.0}) {
        const auto result = evaluate<float>(ctx, loss, array<4>(mask.dims, z));
        CHECK(std::isfinite(std::get<0>(result.gradients).data[0]));
        CHECK(std::get<0>(result.gradients).data[0] <= 0);
    }
    CHECK(std::get<0>(evaluate<float>(ctx, loss, array<4>(mask.dims, -50)).gradients).data[0] ==
          Approx(-cotangent(shape<1>{{1}}).data[0]));
    // Past the clamp both parts are constant.
    CHECK(std::get<0>(evaluate<float>(ctx, loss, array<4>(mask.dims, -5000)).gradients).data[0] ==
          0);
}

TEST_CASE("focal_l1_loss: refuses different shapes and a negative gamma", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto z = constant(full(ctx, shape<2>{{2, 3}}, 0.5f));
    CHECK(error_code([&] {
              focal_l1_loss(t, z, full(ctx, shape<2>{{3, 2}}, 1.0f));
          }) == errc::shape);
    CHECK(error_code([&] {
              focal_l1_loss(t, z, full(ctx, shape<2>{{2, 3}}, 1.0f), -1);
          }) == errc::value);
}
