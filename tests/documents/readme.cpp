// The README's block of one's own, in a network.
#include "support/catch.hpp"

#include <pfad/pfad.hpp>

namespace {

#include "readme/fragments.inc"

} // namespace

TEST_CASE("readme: the block keeps extents and has gradients", "[documents]") {
    pfad::cpu::context ctx(1);
    gated_block<float> block(ctx, 4);
    pfad::initialise(block, "block", pfad::initialiser::kaiming_fan_out, 1);
    CHECK(pfad::parameter_count(block) == 4 * 9 * 4 + 4 * 4);

    const pfad::shape<4> dims = {{2, 5, 6, 4}};
    pfad::tape<pfad::cpu::context> t(ctx, pfad::mode::train);
    const auto x = pfad::leaf(pfad::full(ctx, dims, 0.5f));
    const auto y = block(t, x);
    REQUIRE(y.dims() == dims);
    t.backward(y);
    CHECK(x.gradient().dims() == dims);
    CHECK(block.gate.weight.slot->written());
}
