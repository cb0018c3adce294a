#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/backbones/resnet18.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/nn/named_arrays.hpp>

using namespace pfad;
using namespace pfad::test;

TEST_CASE("resnet18: torchvision's count, names and order up to layer3", "[backbones]") {
    cpu::context ctx(1);
    resnet18<float> m(ctx, 3, {false, false});
    CHECK(parameter_count(m) == 2782784);
    const auto entries = named_arrays<float>(m);
    REQUIRE(entries.size() == 75);
    CHECK(entries[0].name == "conv1.weight");
    CHECK(entries[1].name == "bn1.weight");
    CHECK(entries[4].name == "bn1.running_var");
    CHECK(entries[5].name == "layer1.0.conv1.weight");
    CHECK(entries.back().name == "layer3.1.bn2.running_var");
}

TEST_CASE("resnet18: features of pictures whose size is a multiple of 32 or not", "[backbones]") {
    cpu::context ctx(2);
    resnet18<float> m(ctx, 3, {false, false});
    initialise(m, "m", initialiser::kaiming_fan_out, 1);
    const auto check = [&](const shape<4>& dims, const std::vector<shape<4>>& wanted) {
        INFO(to_string(dims));
        tape<cpu::context> t(ctx, mode::eval);
        const auto features = m(t, constant(full(ctx, dims, 0.5f)));
        REQUIRE(features.size() == wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i)
            CHECK(features[i].dims() == wanted[i]);
    };
    check({{1, 64, 64, 3}}, {{{1, 16, 16, 64}}, {{1, 8, 8, 128}}, {{1, 4, 4, 256}}});
    check({{2, 37, 50, 3}}, {{{2, 10, 13, 64}}, {{2, 5, 7, 128}}, {{2, 3, 4, 256}}});
}

TEST_CASE("resnet18: refuses other depths and pictures that are not RGB", "[backbones]") {
    cpu::context ctx(1);
    CHECK(error_code([&] { resnet18<float>(ctx, 2, {false, false}); }) == errc::value);
    resnet18<float> m(ctx, 3, {false, false});
    tape<cpu::context> t(ctx, mode::eval);
    const auto grey = constant(full(ctx, shape<4>{{1, 32, 32, 1}}, 0.5f));
    CHECK(error_code([&] { static_cast<void>(m(t, grey)); }) == errc::shape);
}
