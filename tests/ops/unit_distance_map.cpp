#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/unit_distance_map.hpp>

#include <cmath>
#include <optional>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

// The unit vector of a position, zeros where there is none.
std::vector<double> unit(const array<4>& x, std::int64_t n, std::int64_t i, std::int64_t j) {
    std::vector<double> v;
    double squares = 0;
    for (std::int64_t c = 0; c < x.extent(3); ++c) {
        v.push_back(x(n, i, j, c));
        squares += v.back() * v.back();
    }
    for (double& value : v)
        value /= std::sqrt(squares) + 1e-12;
    return v;
}

array<4> wanted(const array<4>& t, const array<4>& s) {
    array<4> y(shape<4>{t.extent(0), t.extent(1), t.extent(2), 1});
    for (std::int64_t n = 0; n < t.extent(0); ++n)
        for (std::int64_t i = 0; i < t.extent(1); ++i)
            for (std::int64_t j = 0; j < t.extent(2); ++j) {
                const auto a = unit(t, n, i, j), b = unit(s, n, i, j);
                for (std::size_t c = 0; c < a.size(); ++c)
                    y(n, i, j, 0) += (a[c] - b[c]) * (a[c] - b[c]) / 2;
            }
    return y;
}

template <class T, class Context>
array<4> map_of(Context& ctx, const array<4>& t, const array<4>& s) {
    // In float also of bf16.
    const tensor<accumulator_t<T>, 4, typename Context::space> y =
        unit_distance_map(ctx, upload<T>(ctx, t), upload<T>(ctx, s));
    return download(ctx, y);
}

} // namespace

TEMPLATE_LIST_TEST_CASE("unit_distance_map: value, its place, and the same bits",
                        "[ops]",
                        backends) {
    const auto check = [](const shape<4>& dims, auto of) {
        using T = decltype(of);
        using A = accumulator_t<T>;
        INFO(to_string(dims) << " in " << sizeof(T) * 8 << " bits");
        const auto t = rounded<T>(random_array(dims, "t")), s = rounded<T>(random_array(dims, "s"));
        const auto want = wanted(t, s);
        std::optional<array<4>> first;
        for_each_schedule<TestType>([&](TestType& ctx) {
            const auto got = map_of<T>(ctx, t, s);
            check_close(got, want, tolerance<A>(static_cast<double>(dims[3]), 2));
            if (first)
                CHECK(same_bits(got, *first));
            first = got;
        });
        auto ctx = make_context<TestType>(2);
        const guarded<A, 4, TestType> memory(ctx, want.dims, A(3));
        const auto a = upload<T>(ctx, t), b = upload<T>(ctx, s);
        unit_distance_map_forward<T>(ctx, a, b, memory.tensor().view());
        CHECK(same_bits(download(ctx, memory.tensor()), *first));
        CHECK(memory.intact(ctx));
    };
    for (const shape<4>& dims :
         {shape<4>{2, 4, 6, 8}, shape<4>{1, 5, 3, 17}, shape<4>{3, 1, 1, 1}, shape<4>{2, 7, 5, 256},
          shape<4>{1, 9, 11, 130}, shape<4>{0, 2, 2, 8}}) {
        check(dims, double());
        for_each_element<TestType>([&](auto of) { check(dims, of); });
    }
}

TEMPLATE_LIST_TEST_CASE("unit_distance_map: 1/2 where one vector is zero, 0 where both are",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    auto t = random_array(shape<4>{1, 1, 4, 24}, "t"), s = random_array(shape<4>{1, 1, 4, 24}, "s");
    for (std::int64_t c = 0; c < 24; ++c) {
        t(0, 0, 0, c) = s(0, 0, 1, c) = t(0, 0, 2, c) = s(0, 0, 2, c) = 0;
        s(0, 0, 3, c) = -3 * t(0, 0, 3, c);
    }
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        const auto got = map_of<T>(ctx, rounded<T>(t), rounded<T>(s));
        CHECK(std::abs(got(0, 0, 0, 0) - 0.5) < 1e-6);
        CHECK(std::abs(got(0, 0, 1, 0) - 0.5) < 1e-6);
        CHECK(got(0, 0, 2, 0) == 0);
        CHECK(std::abs(got(0, 0, 3, 0) - 2) < 1e-4); // of bf16 the vectors themselves are rounded
    });
}

TEMPLATE_LIST_TEST_CASE("unit_distance_map: what a trained student leaves is not drowned",
                        "[ops]",
                        backends) {
    // Distances of 1e-9 to 1e-5: 1 - cos is off by 6e-8.
    auto ctx = make_context<TestType>(1);
    const shape<4> dims{1, 5, 8, 64};
    const auto t = random_array(dims, "t", 0, 1), noise = random_array(dims, "noise");
    auto s = t;
    for (std::int64_t i = 0; i < dims[1]; ++i)
        for (std::int64_t j = 0; j < dims[2]; ++j)
            for (std::int64_t c = 0; c < dims[3]; ++c)
                s(0, i, j, c) +=
                    std::pow(10.0, -4.5 + 0.5 * static_cast<double>(i)) * noise(0, i, j, c);
    s = rounded<float>(s);
    const auto want = wanted(t, s), got = map_of<float>(ctx, t, s);
    for (std::size_t i = 0; i < want.data.size(); ++i) {
        INFO("got " << got.data[i] << ", want " << want.data[i]);
        // Each unit vector is off by some roundings of its length, 1.
        const double roundings = 8 * 0x1p-24;
        CHECK(std::abs(std::sqrt(2 * got.data[i]) - std::sqrt(2 * want.data[i])) < roundings);
    }
    CHECK(want.data.front() < 1e-8);
    // Neither the length of a vector nor a common rounding counts.
    CHECK(largest(map_of<float>(ctx, t, t)) < 1e-13);
}

TEST_CASE("unit_distance_map: refuses different extents and no channels", "[ops]") {
    cpu::context ctx(1);
    const auto run = [&](const shape<4>& a, const shape<4>& b) {
        return error_code([&] {
            static_cast<void>(unit_distance_map(ctx, full(ctx, a, 1.0f), full(ctx, b, 1.0f)));
        });
    };
    CHECK_FALSE(run({2, 3, 4, 5}, {2, 3, 4, 5}));
    CHECK(run({2, 3, 4, 5}, {2, 4, 3, 5}) == errc::shape);
    CHECK(run({2, 3, 4, 5}, {2, 3, 4, 4}) == errc::shape);
    CHECK(run({2, 3, 4, 0}, {2, 3, 4, 0}) == errc::shape);
}
