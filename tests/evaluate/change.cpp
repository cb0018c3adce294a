#include "support/catch.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/evaluate/change.hpp>

#include <vector>

using namespace pfad;

namespace {

// Red is the row, green the column, blue is 200.
tensor<std::uint8_t, 4> ramp(cpu::context& ctx, int size) {
    const auto pixels = empty<std::uint8_t>(ctx, shape<4>{{1, size, size, 3}});
    for (int i = 0; i < size * size; ++i) {
        pixels.data()[3 * i] = static_cast<std::uint8_t>(i / size);
        pixels.data()[3 * i + 1] = static_cast<std::uint8_t>(i % size);
        pixels.data()[3 * i + 2] = 200;
    }
    return pixels;
}

} // namespace

TEST_CASE("change: nothing, light, and a shift of whole pixels", "[evaluate]") {
    cpu::context ctx(1);
    const auto picture = ramp(ctx, 50);
    const auto same = changed_pixels(ctx, picture, {});
    CHECK(std::equal(same.data(), same.data() + same.size(), picture.data()));
    const auto lit = changed_pixels(ctx, picture, {.brightness = 1.25f});
    CHECK(lit.data()[2] == 250);
    CHECK(lit.data()[3 * 40 + 1] == 50);
    CHECK(changed_pixels(ctx, picture, {.brightness = 1.5f}).data()[2] == 255);
    const auto moved = changed_pixels(ctx, picture, {.down = 0.1f, .across = -0.04f});
    const auto* const at = moved.data() + 3 * (20 * 50 + 30);
    CHECK(at[0] == 15); // 5 rows down
    CHECK(at[1] == 32); // 2 columns to the left
    CHECK(moved.data()[0] == 0);
}

TEST_CASE("change: a mask moves as its picture does, and light is nothing to it", "[evaluate]") {
    cpu::context ctx(1);
    std::vector<std::uint8_t> mask(50 * 50, 0);
    for (int y = 10; y < 14; ++y)
        for (int x = 20; x < 23; ++x)
            mask[static_cast<std::size_t>(y * 50 + x)] = 1;
    CHECK(changed_mask(ctx, mask, 50, {.brightness = 0.3f, .contrast = 2}) == mask);
    const auto moved =
        changed_mask(ctx, mask, 50, {.brightness = 0.3f, .down = 0.1f, .across = -0.04f});
    std::vector<std::uint8_t> expected(50 * 50, 0);
    for (int y = 15; y < 19; ++y)
        for (int x = 18; x < 21; ++x)
            expected[static_cast<std::size_t>(y * 50 + x)] = 1;
    CHECK(moved == expected);
}
