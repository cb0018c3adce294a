#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detectors/pfadseg.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("student: its features have the teacher's shapes", "[detectors]") {
    cpu::context ctx(2);
    resnet18<float> teacher(ctx, 3, {false, false});
    student<float> m(ctx, {false, true}, {false, true});
    const auto check = [&](const shape<4>& dims, mode phase) {
        INFO(to_string(dims));
        tape<cpu::context> t(ctx, phase, recording::off);
        const auto x = constant(full(ctx, dims, 0.5f));
        const auto wanted = teacher(t, x), got = m(t, x);
        REQUIRE(got.size() == 3);
        for (std::size_t i = 0; i < 3; ++i)
            CHECK(got[i].dims() == wanted[i].dims());
    };
    check({{1, 32, 32, 3}}, mode::eval);
    check({{2, 33, 20, 3}}, mode::train);
}

TEST_CASE("student: a batch of one is refused in training where AFF pools it", "[detectors]") {
    cpu::context ctx(2);
    student<float> m(ctx, {false, true}, {false, true});
    tape<cpu::context> t(ctx, mode::train);
    const auto x = constant(full(ctx, shape<4>{{1, 32, 32, 3}}, 0.5f));
    CHECK(error_code([&] { static_cast<void>(m(t, x)); }) == errc::shape);
}
