// The intrinsics of the device.
#include "support/catch.hpp"

#include <cuda_runtime.h>

TEST_CASE("simt: intrinsics", "[simt]") {
    CHECK(__popc(0xf0u) == 4);
    CHECK(__ffs(0) == 0);
    CHECK(__ffs(8) == 4);
    CHECK(__clz(1) == 31);
    CHECK(__clz(0) == 32);
    CHECK(__brev(0x00000003u) == 0xc0000000u);
    CHECK(__brev(0x12345678u) == 0x1e6a2c48u);
    CHECK(__int_as_float(__float_as_int(1.5f)) == 1.5f);
    CHECK(__uint_as_float(__float_as_uint(-2.5f)) == -2.5f);
    CHECK(__expf(1.0f) == Approx(2.718281828));
    CHECK(__logf(2.0f) == Approx(0.693147181));
    CHECK(rsqrtf(4.0f) == 0.5f);
    CHECK(__fdividef(1.0f, 4.0f) == 0.25f);
    CHECK(__fmaf_rn(2.0f, 3.0f, 1.0f) == 7.0f);
}
