#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/branch_mix.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

array<4> reference(const array<4>& f, const array<4>& a) {
    const std::int64_t c = a.extent(3), branches = f.extent(3) / c;
    array<4> y(shape<4>{{f.extent(0), f.extent(1), f.extent(2), c}});
    for (std::int64_t n = 0; n < f.extent(0); ++n)
        for (std::int64_t i = 0; i < c; ++i) {
            double total = 0;
            for (std::int64_t b = 0; b < branches; ++b)
                total += std::exp(a(n * branches + b, 0, 0, i));
            for (std::int64_t b = 0; b < branches; ++b)
                for (std::int64_t p = 0; p < f.extent(1); ++p)
                    for (std::int64_t q = 0; q < f.extent(2); ++q)
                        y(n, p, q, i) +=
                            std::exp(a(n * branches + b, 0, 0, i)) / total * f(n, p, q, b * c + i);
        }
    return y;
}

auto op(int branches) {
    return
        [branches](auto& t, const auto& f, const auto& a) { return branch_mix(t, f, a, branches); };
}

} // namespace

TEMPLATE_LIST_TEST_CASE("branch_mix: value and gradients", "[ops]", backends) {
    struct size {
        shape<4> f;
        int branches;
    };
    for (const size& z :
         {size{{{2, 5, 6, 12}}, 3}, size{{{1, 1, 1, 3}}, 3}, size{{{3, 1, 7, 2}}, 1},
          size{{{2, 3, 3, 35}}, 5}, size{{{2, 3, 5, 24}}, 3}}) {
        INFO(to_string(z.f) << ", branches " << z.branches);
        const shape<4> a = {{z.f[0] * z.branches, 1, 1, z.f[3] / z.branches}};
        check_op<TestType>(op(z.branches), reference, thorough::everything,
                           static_cast<double>(z.f[1] * z.f[2]), 1, random_array(z.f, "f"),
                           random_array(a, "a", -2, 2));
    }
    // Several chunks of pixels a sample.
    check_op<TestType>(op(3), reference, thorough::value_and_bits, 37 * 41, 1,
                       random_array(shape<4>{{2, 37, 41, 72}}, "f"),
                       random_array(shape<4>{{6, 1, 1, 24}}, "a", -2, 2));
}

TEST_CASE("branch_mix: large attention does not overflow", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    auto f = full(ctx, shape<4>{{1, 1, 1, 2}}, 3.0f);
    f.data()[1] = 5;
    auto a = full(ctx, shape<4>{{2, 1, 1, 1}}, 1000.0f);
    CHECK(branch_mix(t, constant(f), constant(a), 2).value.data()[0] == 4.0f);
    a.data()[0] = -1000;
    CHECK(branch_mix(t, constant(f), constant(a), 2).value.data()[0] == 5.0f);
}

TEMPLATE_LIST_TEST_CASE("branch_mix: either input may be a constant", "[ops]", backends) {
    auto ctx = make_context<TestType>(1);
    const auto f = random_array(shape<4>{{1, 3, 5, 6}}, "f");
    const auto a = random_array(shape<4>{{3, 1, 1, 2}}, "a");
    auto both = op(3);
    auto features = [&](auto& t, const auto& x) {
        return branch_mix(t, x, constant(upload<double>(ctx, a)), 3);
    };
    auto attention = [&](auto& t, const auto& x) {
        return branch_mix(t, constant(upload<double>(ctx, f)), x, 3);
    };
    const auto want = evaluate<double>(ctx, both, f, a);
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, features, f).gradients),
                    std::get<0>(want.gradients)));
    CHECK(same_bits(std::get<0>(evaluate<double>(ctx, attention, a).gradients),
                    std::get<1>(want.gradients)));
}

TEST_CASE("branch_mix: refuses extents that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    const auto run = [&](const shape<4>& f, const shape<4>& a, int branches) {
        return error_code([&] {
            branch_mix(t, constant(full(ctx, f, 1.0f)), constant(full(ctx, a, 1.0f)), branches);
        });
    };
    CHECK_FALSE(run({{2, 3, 3, 6}}, {{6, 1, 1, 2}}, 3));
    CHECK(run({{2, 3, 3, 6}}, {{6, 1, 1, 2}}, 0) == errc::value);
    CHECK(run({{2, 3, 3, 7}}, {{6, 1, 1, 2}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 6}}, {{2, 1, 1, 2}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 6}}, {{6, 1, 1, 3}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 6}}, {{6, 3, 3, 2}}, 3) == errc::shape);
    CHECK(run({{2, 3, 3, 0}}, {{6, 1, 1, 0}}, 3) == errc::shape);
}
