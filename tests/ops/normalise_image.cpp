#include "support/catch.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <cmath>
#include <cstdint>

using namespace pfad;

namespace {

const double mean[3] = {0.485, 0.456, 0.406};
const double deviation[3] = {0.229, 0.224, 0.225};

} // namespace

TEST_CASE("normalise_image: every 8-bit level of every channel [ops]") {
    cpu::context ctx(2);
    const auto x = empty<std::uint8_t>(ctx, shape<4>{2, 8, 16, 3});
    for (std::int64_t i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<std::uint8_t>(i / 3);
    const auto y = normalise_image<float>(ctx, x);
    CHECK(y.dims() == x.dims());
    for (std::int64_t i = 0; i < x.size(); ++i) {
        const double want = (x.data()[i] / 255.0 - mean[i % 3]) / deviation[i % 3];
        CHECK(std::abs(y.data()[i] - want) < 1e-6);
    }
}

TEST_CASE("normalise_image: real pixels, in place, with other statistics [ops]") {
    cpu::context ctx(1);
    const auto x = full(ctx, shape<4>{1, 3, 5, 3}, 0.5);
    const image_statistics halves = {{0.5f, 0.25f, 0.0f}, {0.5f, 0.5f, 0.25f}};
    normalise_image_forward(ctx, x.view(), x.view(), halves);
    for (std::int64_t i = 0; i < x.size(); i += 3) {
        CHECK(x.data()[i] == 0.0);
        CHECK(x.data()[i + 1] == 0.5);
        CHECK(x.data()[i + 2] == 2.0);
    }
}

TEST_CASE("normalise_image: 8-bit and real pixels agree bit for bit [ops]") {
    cpu::context ctx(1);
    const auto bytes = empty<std::uint8_t>(ctx, shape<4>{1, 16, 16, 3});
    const auto reals = empty<float>(ctx, bytes.dims());
    for (std::int64_t i = 0; i < bytes.size(); ++i) {
        bytes.data()[i] = static_cast<std::uint8_t>(i * 7);
        reals.data()[i] = static_cast<float>(bytes.data()[i]) / 255.0f;
    }
    const auto a = normalise_image<float>(ctx, bytes);
    const auto b = normalise_image<float>(ctx, reals);
    for (std::int64_t i = 0; i < a.size(); ++i)
        CHECK(a.data()[i] == b.data()[i]);
}

TEST_CASE("normalise_image: grey pictures are refused [ops]") {
    cpu::context ctx(1);
    const auto grey = full(ctx, shape<4>{1, 2, 2, 1}, 0.5f);
    try {
        (void)normalise_image<float>(ctx, grey);
        FAIL("no error");
    } catch (const error& failure) {
        CHECK(failure.code() == errc::shape);
    }
}
