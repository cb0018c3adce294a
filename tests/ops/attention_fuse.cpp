#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/attention_fuse.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

auto op(post after) {
    return [after](auto& t, const auto& x, const auto& r, const auto& local, const auto& global) {
        return attention_fuse(t, x, r, local, global, after);
    };
}
auto wanted(post after) {
    return [after](const array<4>& x, const array<4>& r, const array<4>& local,
                   const array<4>& global) {
        array<4> y(x.dims);
        for (std::int64_t n = 0; n < x.extent(0); ++n)
            for (std::int64_t i = 0; i < x.extent(1); ++i)
                for (std::int64_t j = 0; j < x.extent(2); ++j)
                    for (std::int64_t c = 0; c < x.extent(3); ++c) {
                        const double w =
                            1 / (1 + std::exp(-local(n, i, j, c) - global(n, 0, 0, c)));
                        const double v = 2 * x(n, i, j, c) * w + 2 * r(n, i, j, c) * (1 - w);
                        y(n, i, j, c) = after == post::relu ? std::max(v, 0.0) : v;
                    }
        return y;
    };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("attention_fuse: value and gradients", "[ops]", backends) {
    for (const shape<4>& x : {shape<4>{{2, 5, 6, 3}}, shape<4>{{1, 1, 1, 1}},
                              shape<4>{{3, 1, 17, 2}}, shape<4>{{2, 3, 1, 8}}}) {
        INFO(to_string(x));
        check_op<TestType>(op(post::none), wanted(post::none), thorough::everything,
                           static_cast<double>(x[1] * x[2]), 4, random_array(x, "x"),
                           random_array(x, "r"), random_array(x, "local", -3, 3),
                           random_array(shape<4>{{x[0], 1, 1, x[3]}}, "global"));
    }
    const shape<4> many = {{2, 37, 41, 24}};
    check_op<TestType>(op(post::relu), wanted(post::relu), thorough::value_and_bits, 37 * 41, 4,
                       random_array(many, "x"), random_array(many, "r"),
                       random_array(many, "local", -3, 3),
                       random_array(shape<4>{{2, 1, 1, 24}}, "global"));
}

TEMPLATE_LIST_TEST_CASE("attention_fuse: relu in the same pass", "[ops]", backends) {
    // x and r have the same sign everywhere, so the sum is never near the kink.
    const shape<4> dims = {{2, 3, 5, 4}};
    const auto x = spread_array(dims, "x");
    auto r = x;
    for (double& value : r.data)
        value *= 0.75;
    check_op<TestType>(op(post::relu), wanted(post::relu), thorough::everything, 16, 16, x, r,
                       random_array(dims, "local"), random_array(shape<4>{{2, 1, 1, 4}}, "global"));
}

TEMPLATE_LIST_TEST_CASE("attention_fuse: inputs may be constants", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const shape<4> dims = {{2, 3, 5, 4}}, small = {{2, 1, 1, 4}};
    const auto x = random_array(dims, "x"), r = random_array(dims, "r");
    const auto local = random_array(dims, "local"), global = random_array(small, "global");
    const auto fixed = [&ctx](const array<4>& a) { return constant(upload<double>(ctx, a)); };
    auto all = op(post::relu);
    auto fused = [&](auto& t, const auto& a) {
        return attention_fuse(t, a, fixed(r), fixed(local), fixed(global), post::relu);
    };
    auto attention = [&](auto& t, const auto& a) {
        return attention_fuse(t, fixed(x), fixed(r), fixed(local), a, post::relu);
    };
    const auto want = evaluate<double>(ctx, all, x, r, local, global);
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, fused, x).gradients),
                    std::get<0>(want.gradients)));
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, attention, global).gradients),
                    std::get<3>(want.gradients)));
}

TEST_CASE("attention_fuse: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& x, const shape<4>& r, const shape<4>& local,
                         const shape<4>& global) {
        const auto make = [&](const shape<4>& dims) { return constant(full(ctx, dims, 1.0f)); };
        return error_code(
            [&] { attention_fuse(t, make(x), make(r), make(local), make(global), post::none); });
    };
    const shape<4> x = {{2, 3, 4, 5}}, other = {{2, 4, 3, 5}}, global = {{2, 1, 1, 5}};
    CHECK_FALSE(run(x, x, x, global));
    CHECK(run(x, other, x, global) == errc::shape);
    CHECK(run(x, x, other, global) == errc::shape);
    CHECK(run(x, x, x, x) == errc::shape);
    CHECK(run(x, x, x, {{1, 1, 1, 5}}) == errc::shape);
}
