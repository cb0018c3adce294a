#include "support/backends.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/guarded.hpp"

#include <pfad/ops/normalise_image.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

const double mean[3] = {0.485, 0.456, 0.406};
const double deviation[3] = {0.229, 0.224, 0.225};

} // namespace

TEMPLATE_LIST_TEST_CASE("normalise_image: every 8-bit level of every channel", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    const auto x = empty<std::uint8_t>(ctx, shape<4>{2, 8, 16, 3});
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(x.size()));
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint8_t>(i / 3);
    write_elements(ctx, x, pixels);
    array<4> want(x.dims());
    for (std::size_t i = 0; i < pixels.size(); ++i)
        want.data[i] = (pixels[i] / 255.0 - mean[i % 3]) / deviation[i % 3];
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        check_close(download(ctx, normalise_image<T>(ctx, x)), want, tolerance<T>(0, 2.64));
    });
}

TEMPLATE_LIST_TEST_CASE("normalise_image: real pixels, in place, with other statistics",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    const guarded<double, 4, TestType> memory(ctx, shape<4>{1, 3, 5, 3}, 0.5);
    const auto x = memory.tensor();
    const image_statistics halves = {{0.5f, 0.25f, 0.0f}, {0.5f, 0.5f, 0.25f}};
    normalise_image_forward(ctx, x.view(), x.view(), halves);
    const auto got = read_elements(ctx, x);
    for (std::size_t i = 0; i < got.size(); i += 3) {
        CHECK(got[i] == 0.0);
        CHECK(got[i + 1] == 0.5);
        CHECK(got[i + 2] == 2.0);
    }
    CHECK(memory.intact(ctx));
}

TEMPLATE_LIST_TEST_CASE("normalise_image: 8-bit and real pixels agree bit for bit",
                        "[ops]",
                        backends) {
    auto ctx = make_context<TestType>(1);
    for (const shape<4>& dims :
         {shape<4>{1, 16, 16, 3}, shape<4>{1, 17, 19, 3}, shape<4>{1, 1, 1, 3}}) {
        const auto bytes = empty<std::uint8_t>(ctx, dims);
        const auto reals = empty<float>(ctx, dims);
        std::vector<std::uint8_t> levels(static_cast<std::size_t>(dims.size()));
        std::vector<float> units(levels.size());
        for (std::size_t i = 0; i < levels.size(); ++i) {
            levels[i] = static_cast<std::uint8_t>(i * 7);
            units[i] = static_cast<float>(levels[i]) / 255.0f;
        }
        write_elements(ctx, bytes, levels);
        write_elements(ctx, reals, units);
        const auto a = read_elements(ctx, normalise_image<float>(ctx, bytes));
        const auto b = read_elements(ctx, normalise_image<float>(ctx, reals));
        for (std::size_t i = 0; i < a.size(); ++i)
            CHECK(a[i] == b[i]);
    }
}

TEMPLATE_LIST_TEST_CASE("normalise_image: real pixels of every element type", "[ops]", backends) {
    auto ctx = make_context<TestType>(2);
    for_each_element<TestType>([&](auto of) {
        using T = decltype(of);
        for (const shape<4>& dims : {shape<4>{2, 7, 11, 3}, shape<4>{1, 16, 8, 3}}) {
            const auto x = rounded<T>(random_array(dims, "x", 0, 1));
            auto want = x;
            for (std::size_t i = 0; i < x.data.size(); ++i)
                want.data[i] = (x.data[i] - mean[i % 3]) / deviation[i % 3];
            check_close(download(ctx, normalise_image<T>(ctx, upload<T>(ctx, x))), want,
                        tolerance<T>(0, 2.64));
        }
    });
}

TEST_CASE("normalise_image: grey pictures are refused", "[ops]") {
    cpu::context ctx(1);
    const auto grey = full(ctx, shape<4>{1, 2, 2, 1}, 0.5f);
    try {
        (void)normalise_image<float>(ctx, grey);
        FAIL("no error");
    } catch (const error& failure) {
        CHECK(failure.code() == errc::shape);
    }
}
