#include "nn/module_check.hpp"

#include <pfad/nn/residual_block.hpp>

using namespace pfad;
using namespace pfad::test;

namespace {

constexpr nn::block_kind kinds[] = {{}, {.aff = true}, {.pcar = true}, {.pcar = true, .aff = true}};

} // namespace

TEST_CASE("residual_block: parameter counts of the four kinds", "[nn]") {
    cpu::context ctx(1);
    for (const auto& kind : kinds)
        for (const auto& [in, out, stride] :
             {std::tuple(64, 64, 1), std::tuple(64, 128, 2), std::tuple(128, 64, 1)}) {
            nn::residual_block<float> m(ctx, in, out, stride, kind);
            const int pcar = 27 * out * out + 6 * out * out / 16 + out / 16 + out;
            const int second = kind.pcar ? pcar : 9 * out * out;
            const int fusion = kind.aff ? out * out + 15 * out / 2 : 0;
            const int shortcut = in != out || stride != 1 ? in * out + 2 * out : 0;
            CHECK(parameter_count(m) == 9 * in * out + 4 * out + second + fusion + shortcut);
        }
    nn::residual_block<float> plain(ctx, 64, 64, 1, kinds[0]), whole(ctx, 64, 128, 2, kinds[3]);
    CHECK(parameter_count(plain) == 73984);
    CHECK(parameter_count(whole) == 548680);
}

TEMPLATE_LIST_TEST_CASE("residual_block: gradients of the four kinds", "[nn]", backends) {
    for (const auto& kind : kinds)
        for (const auto& [out, stride] : {std::pair(4, 1), std::pair(6, 2)}) {
            INFO("pcar " << kind.pcar << ", aff " << kind.aff << ", stride " << stride);
            check_block<TestType, nn::residual_block>(std::tuple(4, out, stride, kind), run_block,
                                                      random_array(shape<4>{{3, 4, 5, 4}}, "x"));
        }
}

TEST_CASE("residual_block: with a silent branch the shortcut comes through", "[nn]") {
    cpu::context ctx(1);
    nn::residual_block<double> m(ctx, 4, 4, 1, {.pcar = true, .aff = false});
    fill(m);
    for (double& w : elements(m.bn2.parameters.weight))
        w = 0;
    for (double& b : elements(m.bn2.parameters.bias))
        b = 0;
    const auto x = random_array(shape<4>{{2, 4, 5, 4}}, "x");
    auto positive = x;
    for (double& value : positive.data)
        value = std::max(value, 0.0);
    check_close(value_of(ctx, m, mode::train, x), positive, 0);
}

TEST_CASE("residual_block: one picture of one pixel is refused in training", "[nn]") {
    cpu::context ctx(1);
    nn::residual_block<double> m(ctx, 4, 4, 1, kinds[0]);
    fill(m);
    CHECK(message_of([&] {
              value_of(ctx, m, mode::train, random_array(shape<4>{{1, 1, 1, 4}}, "x"));
          }).find("at least two values a channel") != std::string::npos);
}

TEST_CASE("stage: the first block changes width and size, the second keeps them", "[nn]") {
    cpu::context ctx(1);
    nn::stage<double> m(ctx, 4, 8, 2, kinds[3]);
    const auto y = value_of(ctx, m, mode::eval, random_array(shape<4>{{1, 9, 6, 4}}, "x"));
    CHECK(y.dims == shape<4>{{1, 5, 3, 8}});
    CHECK(m.first.downsample_conv.has_value());
    CHECK_FALSE(m.second.downsample_conv.has_value());
}
