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
    std::uint16_t bits; ///< sign, 8 bits of exponent, 7 of fraction

    bf16() = default;
    /// Rounds to nearest, ties to even.
    PFAD_HD explicit bf16(float x) : bits(rounded(math::bits<std::uint32_t>(x))) {}
    /// Exact.
    PFAD_HD operator float() const {
        return math::bits<float>(static_cast<std::uint32_t>(bits) << 16);
    }

private:
    // No branch and no choice of results: so loops that store bf16 become few vector instructions.
    PFAD_HD static std::uint16_t rounded(std::uint32_t x) {
        // All ones for a NaN, which then is cut rather than rounded, and made a quiet one.
        const auto size = static_cast<std::int32_t>(x & 0x7fffffffu);
        const auto nan = static_cast<std::uint32_t>((0x7f800000 - size) >> 31);
        const std::uint32_t half = 0x7fffu + (x >> 16 & 1u);
        return static_cast<std::uint16_t>(((x + (half & ~nan)) | (nan & 0x400000u)) >> 16);
    }
};

} // namespace pfad
