#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/focal_loss.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

auto op(const array<4>& mask, double gamma) {
    return [mask, gamma](auto& t, const auto& p) {
        using T = typename std::remove_cvref_t<decltype(p.value)>::element;
        return focal_loss(t, p, upload<T>(t.context, mask), gamma);
    };
}
auto wanted(const array<4>& mask, double gamma) {
    return [mask, gamma](const array<4>& p) {
        array<1> loss(shape<1>{{1}});
        for (std::size_t i = 0; i < p.data.size(); ++i) {
            const double q = mask.data[i] > 0.5 ? p.data[i] : 1 - p.data[i];
            loss(0) -= std::pow(1 - q, gamma) * std::max(std::log(q), -100.0) /
                       static_cast<double>(p.data.size());
        }
        return loss;
    };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("focal_loss: value and gradient", "[ops]", backends) {
    const auto run = [](const shape<4>& dims, double gamma, thorough how) {
        INFO(to_string(dims) << ", gamma " << gamma);
        const auto mask = random_mask(dims, "mask");
        check_op<TestType>(op(mask, gamma), wanted(mask, gamma), how, 64, 4,
                           random_array(dims, "p", 0.05, 0.95));
    };
    for (const double gamma : {0.0, 1.0, 2.0, 4.0})
        run({{2, 5, 7, 1}}, gamma, thorough::everything);
    run({{1, 1, 1, 1}}, 4, thorough::everything);
    run({{2, 61, 67, 1}}, 4, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("focal_loss: certain and wrong costs 100, certain and right nothing",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    for (const double gamma : {0.0, 4.0}) {
        const array<4> mask(shape<4>{{1, 1, 1, 1}}, 1);
        auto loss = op(mask, gamma);
        const auto wrong = evaluate<float>(ctx, loss, array<4>(mask.dims, 0));
        CHECK(wrong.y.data[0] == 100);
        CHECK(std::isfinite(std::get<0>(wrong.gradients).data[0]));
        const auto right = evaluate<float>(ctx, loss, array<4>(mask.dims, 1));
        CHECK(right.y.data[0] == 0);
        CHECK(std::isfinite(std::get<0>(right.gradients).data[0]));
    }
}

TEST_CASE("focal_loss: refuses different shapes and a negative gamma", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto p = constant(full(ctx, shape<2>{{2, 3}}, 0.5f));
    CHECK(error_code([&] { focal_loss(t, p, full(ctx, shape<2>{{3, 2}}, 1.0f)); }) == errc::shape);
    CHECK(error_code([&] {
              focal_loss(t, p, full(ctx, shape<2>{{2, 3}}, 1.0f), -1);
          }) == errc::value);
}
