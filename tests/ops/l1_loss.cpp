#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/l1_loss.hpp>

using namespace pfad;
using namespace pfad::test;

TEMPLATE_LIST_TEST_CASE("l1_loss: value and gradient", "[ops]", backends) {
    const auto run = [](const shape<4>& dims, thorough how) {
        INFO(to_string(dims));
        const auto mask = random_mask(dims, "mask");
        check_op<TestType>(
            [&mask](auto& t, const auto& p) {
                using T = typename std::remove_cvref_t<decltype(p.value)>::element;
                return l1_loss(t, p, upload<T>(t.context, mask));
            },
            [&mask](const array<4>& p) {
                array<1> loss(shape<1>{{1}});
                for (std::size_t i = 0; i < p.data.size(); ++i)
                    loss(0) +=
                        std::abs(mask.data[i] - p.data[i]) / static_cast<double>(p.data.size());
                return loss;
            },
            how, 4, 2, random_array(dims, "p", 0.05, 0.95));
    };
    run({{1, 1, 1, 1}}, thorough::everything);
    run({{2, 5, 7, 1}}, thorough::everything);
    run({{2, 61, 67, 1}}, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("l1_loss: no gradient where both are equal", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    auto loss = [&](auto& t, const auto& p) {
        return l1_loss(t, p, upload<float>(ctx, array<1>(shape<1>{{2}}, 1)));
    };
    array<1> p(shape<1>{{2}}, 1);
    p(1) = 0.5;
    const auto result = evaluate<float>(ctx, loss, p);
    CHECK(result.y.data[0] == 0.25);
    CHECK(std::get<0>(result.gradients)(0) == 0);
    CHECK(std::get<0>(result.gradients)(1) < 0);
}

TEST_CASE("l1_loss: refuses different shapes", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(error_code([&] {
              l1_loss(t, constant(full(ctx, shape<2>{{2, 3}}, 0.5f)),
                      full(ctx, shape<2>{{3, 2}}, 1.0f));
          }) == errc::shape);
}
