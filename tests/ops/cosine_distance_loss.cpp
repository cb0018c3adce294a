#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/cosine_distance_loss.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

const auto op = [](auto& t, const auto& a, const auto& b) { return cosine_distance_loss(t, a, b); };
const auto wanted = [](const array<4>& t, const array<4>& s) {
    array<1> loss(shape<1>{{1}});
    for (std::int64_t n = 0; n < t.extent(0); ++n)
        for (std::int64_t i = 0; i < t.extent(1); ++i)
            for (std::int64_t j = 0; j < t.extent(2); ++j) {
                double tt = 0, ss = 0, ts = 0;
                for (std::int64_t c = 0; c < t.extent(3); ++c) {
                    tt += t(n, i, j, c) * t(n, i, j, c);
                    ss += s(n, i, j, c) * s(n, i, j, c);
                    ts += t(n, i, j, c) * s(n, i, j, c);
                }
                loss(0) += (1 - ts / ((std::sqrt(tt) + 1e-12) * (std::sqrt(ss) + 1e-12))) /
                           static_cast<double>(t.extent(1) * t.extent(2));
            }
    return loss;
};

} // namespace

TEMPLATE_LIST_TEST_CASE("cosine_distance_loss: value and gradients", "[ops]", backends) {
    const auto run = [](const shape<4>& x, thorough how) {
        INFO(to_string(x));
        check_op<TestType>(op, wanted, how, static_cast<double>(x[3]),
                           2 * static_cast<double>(x[0]), random_array(x, "t"),
                           random_array(x, "s"));
    };
    run({{1, 1, 1, 2}}, thorough::everything);
    run({{2, 1, 3, 1}}, thorough::value_and_bits);
    run({{3, 5, 2, 17}}, thorough::everything);
    run({{1, 3, 7, 16}}, thorough::everything);
    run({{2, 17, 19, 40}}, thorough::value_and_bits);
    // Long vectors, and too long to be kept in registers.
    run({{1, 2, 3, 500}}, thorough::value_and_bits);
    run({{1, 1, 3, 1043}}, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("cosine_distance_loss: equal is 0, opposite is 2 a picture",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    tape<TestType> t(ctx, mode::eval);
    const auto x = random_array(shape<4>{{3, 4, 5, 24}}, "x");
    auto opposite = x;
    for (double& value : opposite.data)
        value *= -2;
    const auto a = constant(upload<float>(ctx, x)), b = constant(upload<float>(ctx, opposite));
    CHECK(std::abs(download(ctx, cosine_distance_loss(t, a, a).value).data[0]) < 1e-5);
    CHECK(std::abs(download(ctx, cosine_distance_loss(t, a, b).value).data[0] - 6) < 1e-5);
}

TEMPLATE_LIST_TEST_CASE("cosine_distance_loss: a zero vector has distance 1 and no gradient",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto loss = op;
    const auto t = random_array(shape<4>{{1, 1, 1, 5}}, "t");
    const auto result = evaluate<float>(ctx, loss, t, array<4>(shape<4>{{1, 1, 1, 5}}));
    CHECK(result.y.data[0] == 1);
    CHECK(largest(std::get<1>(result.gradients)) == 0);
}

TEST_CASE("cosine_distance_loss: refuses different shapes", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    CHECK(error_code([&] {
              cosine_distance_loss(t, constant(full(ctx, shape<4>{{1, 2, 3, 4}}, 1.0f)),
                                   constant(full(ctx, shape<4>{{1, 3, 2, 4}}, 1.0f)));
          }) == errc::shape);
}
