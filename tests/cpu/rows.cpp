#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cpu/rows.hpp>

#include <vector>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("sum_rows: adds strided rows to what is there", "[cpu]") {
    const auto x = random_array(shape<2>{{9, 10}}, "x");
    for (const std::int64_t count : {0, 1, 3, 4, 5, 9}) {
        std::vector<double> sum(7, 1), want(7, 1);
        for (std::int64_t k = 0; k < count; ++k)
            for (std::size_t i = 0; i < 7; ++i)
                want[i] += x(k, static_cast<std::int64_t>(i));
        cpu::sum_rows(sum.data(), x.data.data(), count, 10, 7);
        for (std::size_t i = 0; i < 7; ++i)
            CHECK(sum[i] == Approx(want[i]).epsilon(1e-14));
    }
}

TEST_CASE("add_weighted_rows: any number of rows, with steps", "[cpu]") {
    const auto rows = random_array(shape<2>{{9, 10}}, "x"), v = random_array(shape<2>{{9, 3}}, "v");
    for (const std::int64_t count : {0, 1, 3, 4, 5, 9}) {
        std::vector<double> y(7, 1), want(7, 1);
        for (std::int64_t k = 0; k < count; ++k)
            for (std::size_t i = 0; i < 7; ++i)
                want[i] += v(k, 0) * rows(k, static_cast<std::int64_t>(i));
        cpu::add_weighted_rows(y.data(), v.data.data(), 3, rows.data.data(), 10, 7, count);
        for (std::size_t i = 0; i < 7; ++i)
            CHECK(y[i] == Approx(want[i]).epsilon(1e-14));
    }
}

TEST_CASE("add_products: any number of pairs, steps of either sign", "[cpu]") {
    const auto x = random_array(shape<2>{{11, 10}}, "x"), w = random_array(shape<2>{{11, 5}}, "w");
    for (std::int64_t count = 0; count <= 11; ++count) {
        std::vector<double> y(5, 1), want(5, 1);
        for (std::int64_t k = 0; k < count; ++k)
            for (std::int64_t i = 0; i < 5; ++i)
                want[static_cast<std::size_t>(i)] += x(k, i) * w(10 - k, i);
        cpu::add_products(y.data(), x.data.data(), 10, w.data.data() + 50, -5, 5, count);
        for (std::size_t i = 0; i < 5; ++i)
            CHECK(y[i] == Approx(want[i]).epsilon(1e-14));
    }
}

TEST_CASE("sum_middle: the same bits for any number of threads", "[cpu]") {
    auto x = random_array(shape<3>{{3, 5000, 33}}, "x");
    for (double& value : x.data)
        value /= 3; // no longer exact in float, so that the order of the sum shows
    std::vector<array<2>> results;
    for (const int threads : {1, 3}) {
        cpu::context ctx(threads);
        results.push_back(download(ctx, cpu::sum_middle<double>(ctx, upload<double>(ctx, x))));
    }
    CHECK(same_bits(results[0], results[1]));
    array<2> want(shape<2>{{3, 33}});
    for (std::int64_t k = 0; k < 3; ++k)
        for (std::int64_t j = 0; j < 5000; ++j)
            for (std::int64_t i = 0; i < 33; ++i)
                want(k, i) += x(k, j, i);
    check_close(results[0], want, 1e-10);
}
