#include "support/catch.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/metrics/connected_components.hpp>

#include <string_view>
#include <vector>

namespace {

using pfad::metrics::component_labeller;

struct labelled {
    std::vector<std::uint32_t> labels;
    std::vector<std::int64_t> sizes = {0};
};

labelled label(const std::vector<std::uint8_t>& mask, std::int64_t height, std::int64_t width) {
    labelled result;
    result.labels.assign(mask.size(), 77);
    component_labeller labeller;
    labeller.label({mask.data(), {{height, width}}}, {result.labels.data(), {{height, width}}},
                   result.sizes);
    return result;
}

// A picture drawn with letters: anything but '.' is set.
std::vector<std::uint8_t> draw(std::string_view picture) {
    std::vector<std::uint8_t> mask;
    for (const char c : picture)
        mask.push_back(c == '.' ? 0 : 255);
    return mask;
}

void flood(const std::vector<std::uint8_t>& mask,
           std::vector<std::uint32_t>& labels,
           std::int64_t height,
           std::int64_t width,
           std::int64_t start,
           std::uint32_t number) {
    std::vector<std::int64_t> stack = {start};
    labels[static_cast<std::size_t>(start)] = number;
    while (!stack.empty()) {
        const std::int64_t at = stack.back();
        stack.pop_back();
        for (std::int64_t dy = -1; dy <= 1; ++dy)
            for (std::int64_t dx = -1; dx <= 1; ++dx) {
                const std::int64_t y = at / width + dy, x = at % width + dx;
                if (y < 0 || x < 0 || y >= height || x >= width)
                    continue;
                const std::size_t to = static_cast<std::size_t>(y * width + x);
                if (mask[to] && !labels[to]) {
                    labels[to] = number;
                    stack.push_back(static_cast<std::int64_t>(to));
                }
            }
    }
}

} // namespace

TEST_CASE("connected_components: corners connect", "[metrics]") {
    const auto found = label(draw("#..#"
                                  ".#.."
                                  "#..#"),
                             3, 4);
    CHECK(found.labels == std::vector<std::uint32_t>{1, 0, 0, 2, 0, 1, 0, 0, 1, 0, 0, 3});
    CHECK(found.sizes == std::vector<std::int64_t>{0, 3, 1, 1});
}

TEST_CASE("connected_components: arms that meet below are one region", "[metrics]") {
    const auto found = label(draw("#.#.#"
                                  "#.#.#"
                                  "#####"),
                             3, 5);
    CHECK(found.sizes == std::vector<std::int64_t>{0, 11});
    const auto ring = label(draw(".##."
                                 "#..#"
                                 ".##."),
                            3, 4);
    CHECK(ring.sizes == std::vector<std::int64_t>{0, 6});
}

TEST_CASE("connected_components: rows do not wrap round", "[metrics]") {
    CHECK(label(draw("..##.."), 2, 3).sizes == std::vector<std::int64_t>{0, 1, 1});
}

TEST_CASE("connected_components: numbering goes on from mask to mask", "[metrics]") {
    std::vector<std::int64_t> sizes = {0};
    std::vector<std::uint32_t> labels(3);
    component_labeller labeller;
    for (int repeat = 0; repeat < 2; ++repeat) {
        const auto mask = draw("#.#");
        labeller.label({mask.data(), {{1, 3}}}, {labels.data(), {{1, 3}}}, sizes);
    }
    CHECK(labels == std::vector<std::uint32_t>{3, 0, 4});
    CHECK(sizes == std::vector<std::int64_t>{0, 1, 1, 1, 1});
}

TEST_CASE("connected_components: empty, full and no pixels at all", "[metrics]") {
    CHECK(label(draw("...."), 2, 2).labels == std::vector<std::uint32_t>(4, 0));
    CHECK(label(draw("####"), 2, 2).sizes == std::vector<std::int64_t>{0, 4});
    CHECK(label({}, 0, 5).sizes == std::vector<std::int64_t>{0});
}

TEST_CASE("connected_components: agrees with a flood fill on noise", "[metrics]") {
    for (int seed = 0; seed < 60; ++seed) {
        pfad::random_stream draws(static_cast<std::uint64_t>(seed), "components");
        const std::int64_t height = 1 + draws.below(24), width = 1 + draws.below(24);
        const double density = draws.uniform(0.05, 0.7);
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(height * width));
        for (auto& m : mask)
            m = draws.uniform() < density;
        std::vector<std::uint32_t> want(mask.size());
        std::uint32_t count = 0;
        for (std::size_t i = 0; i < mask.size(); ++i)
            if (mask[i] && !want[i])
                flood(mask, want, height, width, static_cast<std::int64_t>(i), ++count);
        const auto got = label(mask, height, width);
        CHECK(got.labels == want);
        CHECK(got.sizes.size() == count + 1);
    }
}

TEST_CASE("connected_components: extents must agree", "[metrics]") {
    std::vector<std::uint8_t> mask(6);
    std::vector<std::uint32_t> labels(6);
    std::vector<std::int64_t> sizes = {0};
    component_labeller labeller;
    CHECK_THROWS_AS(labeller.label({mask.data(), {{2, 3}}}, {labels.data(), {{3, 2}}}, sizes),
                    pfad::error);
}
