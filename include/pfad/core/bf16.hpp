// bfloat16: float's range with 8 bits of precision, for activations in memory. Computation is in
// float.
#pragma once

#include <pfad/core/macros.hpp>
#include <pfad/core/math.hpp>

#include <cstdint>

namespace pfad {

/// The upper half of a float. Conversion from float rounds to nearest, ties to even; a NaN stays
/// one.
struct bf16 {
    std::uint16_t bits;

    bf16() = default;
    PFAD_HD explicit bf16(float x) : bits(rounded(math::bits<std::uint32_t>(x))) {}
    PFAD_HD operator float() const {
        return math::bits<float>(static_cast<std::uint32_t>(bits) << 16);
    }

private:
    // Both and a choice, rather than a branch, and the choice before the shift: so a loop that
    // stores bf16 becomes a few whole vector instructions.
    PFAD_HD static std::uint16_t rounded(std::uint32_t x) {
        std::uint32_t const nearest = x + (0x7fffu + (x >> 16 & 1u));
        std::uint32_t const quiet = x | 0x400000u;
        return static_cast<std::uint16_t>(((x & 0x7fffffffu) > 0x7f800000u ? quiet : nearest) >>
                                          16);
    }
};

} // namespace pfad
