#include "support/catch.hpp"
#include "support/gradcheck.hpp"

#include <pfad/ops/cosine_similarity_map.hpp>

#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

double norm(const array<4>& x, std::int64_t n, std::int64_t i, std::int64_t j) {
    double sum = 0;
    for (std::int64_t c = 0; c < x.extent(3); ++c)
        sum += x(n, i, j, c) * x(n, i, j, c);
    return std::sqrt(sum) + 1e-12;
}

double hat(std::int64_t from, std::int64_t to, std::int64_t in, std::int64_t out) {
    double at =
        (static_cast<double>(to) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    at = std::clamp(at, 0.0, static_cast<double>(in - 1));
    return std::max(0.0, 1 - std::abs(at - static_cast<double>(from)));
}

array<4> reference(const std::vector<array<4>>& t, const std::vector<array<4>>& s) {
    shape<4> dims = t[0].dims;
    dims.extent[3] = 0;
    for (const auto& level : t)
        dims.extent[3] += level.extent(3);
    array<4> y(dims);
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < t.size(); ++k) {
        const auto &a = t[k], &b = s[k];
        const std::int64_t h = a.extent(1), w = a.extent(2);
        array<4> product = a;
        for (std::int64_t n = 0; n < dims[0]; ++n)
            for (std::int64_t p = 0; p < h; ++p)
                for (std::int64_t q = 0; q < w; ++q) {
                    const double norms = norm(a, n, p, q) * norm(b, n, p, q);
                    for (std::int64_t c = 0; c < a.extent(3); ++c)
                        product(n, p, q, c) *= b(n, p, q, c) / norms;
                }
        for (std::int64_t n = 0; n < dims[0]; ++n)
            for (std::int64_t i = 0; i < dims[1]; ++i)
                for (std::int64_t j = 0; j < dims[2]; ++j)
                    for (std::int64_t p = 0; p < h; ++p)
                        for (std::int64_t q = 0; q < w; ++q) {
                            const double weight = hat(p, i, h, dims[1]) * hat(q, j, w, dims[2]);
                            if (weight != 0)
                                for (std::int64_t c = 0; c < a.extent(3); ++c)
                                    y(n, i, j, offset + c) += weight * product(n, p, q, c);
                        }
        offset += a.extent(3);
    }
    return y;
}

template <class V>
std::vector<V> list(const V& a, const V& b, const V& c) {
    return {a, b, c};
}

const auto op = [](auto& t,
                   const auto& t1,
                   const auto& s1,
                   const auto& t2,
                   const auto& s2,
                   const auto& t3,
                   const auto& s3) {
    return cosine_similarity_map(t, list(t1, t2, t3), list(s1, s2, s3));
};
const auto wanted = [](const array<4>& t1,
                       const array<4>& s1,
                       const array<4>& t2,
                       const array<4>& s2,
                       const array<4>& t3,
                       const array<4>& s3) {
    return reference({t1, t2, t3}, {s1, s2, s3});
};

} // namespace

TEMPLATE_LIST_TEST_CASE("cosine_similarity_map: value and gradients", "[ops]", backends) {
    const auto run = [](const shape<4>& a, const shape<4>& b, const shape<4>& c, thorough how) {
        check_op<TestType>(op, wanted, how, static_cast<double>(a[3] + b[3] + c[3] + 16), 4,
                           random_array(a, "t1"), random_array(a, "s1"), random_array(b, "t2"),
                           random_array(b, "s2"), random_array(c, "t3"), random_array(c, "s3"));
    };
    run({{2, 8, 6, 4}}, {{2, 4, 3, 6}}, {{2, 2, 2, 8}}, thorough::everything);
    run({{1, 5, 3, 17}}, {{1, 5, 3, 2}}, {{1, 7, 1, 3}}, thorough::everything);
    run({{1, 3, 5, 8}}, {{1, 2, 3, 16}}, {{1, 1, 1, 24}}, thorough::everything);
    run({{1, 1, 1, 3}}, {{1, 1, 1, 2}}, {{1, 1, 1, 1}}, thorough::value_and_bits);
    run({{1, 12, 10, 36}}, {{1, 6, 5, 70}}, {{1, 3, 3, 35}}, thorough::value_and_bits);
}

TEMPLATE_LIST_TEST_CASE("cosine_similarity_map: zero vectors give zero and no gradient",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto single = [](auto& t, const auto& a, const auto& b) {
        return cosine_similarity_map(t, std::vector{a}, std::vector{b});
    };
    auto x = random_array(shape<4>{{1, 1, 2, 5}}, "x");
    for (std::int64_t c = 0; c < 5; ++c)
        x(0, 0, 1, c) = 0;
    const auto y = random_array(shape<4>{{1, 1, 2, 5}}, "y");
    const auto result = evaluate<float>(ctx, single, y, x);
    for (std::int64_t c = 0; c < 5; ++c) {
        CHECK(result.y(0, 0, 1, c) == 0);
        CHECK(std::get<0>(result.gradients)(0, 0, 1, c) == 0); // the other factor is zero
        CHECK(std::get<1>(result.gradients)(0, 0, 1, c) == 0);
        CHECK(std::get<1>(result.gradients)(0, 0, 0, c) != 0);
    }
}

TEST_CASE("cosine_similarity_map: a constant teacher gets no gradient", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::train);
    const auto x = constant(upload<float>(ctx, random_array(shape<4>{{1, 2, 2, 3}}, "x")));
    const auto y = leaf(upload<float>(ctx, random_array(shape<4>{{1, 2, 2, 3}}, "y")));
    const auto z = cosine_similarity_map(t, std::vector{x}, std::vector{y});
    static_cast<void>(z.slot->claim(ctx, z.dims()));
    t.run();
    CHECK(y.slot->written());
}

TEST_CASE("cosine_similarity_map: refuses levels that do not fit", "[ops]") {
    cpu::context ctx(1);
    tape<cpu::context> t(ctx, mode::eval);
    using levels = std::vector<maps<float>>;
    const auto level = [&](const shape<4>& dims) { return constant(full(ctx, dims, 1.0f)); };
    const auto run = [&](const levels& a, const levels& b) {
        return error_code([&] { cosine_similarity_map(t, a, b); });
    };
    const shape<4> x = {{2, 4, 4, 3}};
    CHECK_FALSE(run({level(x)}, {level(x)}));
    CHECK(run({}, {}) == errc::value);
    CHECK(run({level(x), level(x)}, {level(x)}) == errc::value);
    CHECK(run({level(x)}, {level({{2, 4, 4, 2}})}) == errc::shape);
    CHECK(run({level(x), level({{1, 2, 2, 3}})}, {level(x), level({{1, 2, 2, 3}})}) == errc::shape);
    CHECK(run({level({{2, 0, 4, 3}})}, {level({{2, 0, 4, 3}})}) == errc::shape);
}
