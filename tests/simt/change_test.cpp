// Changed pictures of a context whose memory is not the host's.
#include "support/backends.hpp"
#include "support/catch.hpp"

#include <pfad/cpu/queue.hpp>
#include <pfad/cuda/queue.hpp>
#include <pfad/evaluate/change.hpp>

using namespace pfad;

TEST_CASE("change: a device makes of a picture and its mask what the host makes", "[simt]") {
    cpu::context host(1);
    cuda::context device;
    const auto pixels = empty<std::uint8_t>(host, shape<4>{{1, 20, 20, 3}});
    std::vector<std::uint8_t> mask(400);
    for (int i = 0; i < 1200; ++i)
        pixels.data()[i] = static_cast<std::uint8_t>(i * 7);
    for (std::size_t i = 0; i < mask.size(); ++i)
        mask[i] = i % 20 > 11 && i / 20 < 8;
    const jitter_draw change = {.brightness = 0.9f, .contrast = 1.2f, .down = 0.1f, .zoom = 1.05f};
    const auto here = changed_pixels(host, pixels, change);
    const auto there = changed_pixels(device, pixels, change);
    for (int i = 0; i < 1200; ++i) // a fused multiply-add may round across a half
        CHECK(std::abs(int(here.data()[i]) - int(there.data()[i])) <= 1);
    CHECK(changed_mask(host, mask, 20, change) == changed_mask(device, mask, 20, change));
    CHECK(changed_mask(host, mask, 20, change) != mask);
}
