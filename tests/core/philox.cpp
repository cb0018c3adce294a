#include "support/catch.hpp"

#include <pfad/core/philox.hpp>

#include <cmath>
#include <set>

using namespace pfad;

TEST_CASE("philox: the published known answers", "[core]") {
    CHECK(philox({{0, 0, 0, 0}}, 0) ==
          random_words{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    const std::uint32_t all = 0xffffffff;
    CHECK(philox({{all, all, all, all}}, ~std::uint64_t(0)) ==
          random_words{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    CHECK(philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822ull) ==
          random_words{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST_CASE("hash_name: FNV-1a's known answers", "[core]") {
    CHECK(hash_name("") == 0xCBF29CE484222325ull);
    CHECK(hash_name("a") == 0xAF63DC4C8601EC8Cull);
    CHECK(hash_name("foobar") == 0x85944171F73967E8ull);
}

TEST_CASE("random_stream: repeats, and differs by seed, purpose, iteration and index", "[core]") {
    const auto first = [](random_stream s) { return s.bits(); };
    CHECK(first({1, "a"}) == first({1, "a"}));
    std::set<std::uint32_t> seen = {first({1, "a"}), first({2, "a"}), first({1, "b"})};
    for (std::uint64_t iteration = 0; iteration < 3; ++iteration)
        for (std::uint64_t index = 1; index < 4; ++index)
            seen.insert(first({1, "a", iteration, index}));
    CHECK(seen.size() == 12);
    CHECK(first({1, "a", 0, 0}) == first({1, "a"}));
}

TEST_CASE("random_stream: uniform, below and normal have their moments", "[core]") {
    random_stream s(3, "moments");
    const int count = 20000;
    double mean = 0, square = 0, u_mean = 0, fourth = 0;
    int counts[7] = {};
    for (int i = 0; i < count; ++i) {
        const double u = s.uniform(2, 4), z = s.normal();
        REQUIRE((u >= 2 && u < 4));
        u_mean += u / count;
        mean += z / count;
        square += z * z / count;
        fourth += z * z * z * z / count;
        ++counts[s.below(7)];
    }
    CHECK(std::abs(u_mean - 3) < 0.02);
    CHECK(std::abs(mean) < 0.03);
    CHECK(std::abs(square - 1) < 0.04);
    CHECK(std::abs(fourth - 3) < 0.3);
    for (const int n : counts)
        CHECK(std::abs(n - count / 7) < 250);
    CHECK(s.below(1) == 0);
}
