// Scalar functions that loops over floats can vectorise: no branch, no table, no library call.
#pragma once

#include <pfad/core/macros.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>

namespace pfad::math {

/// The same bits as another type: std::bit_cast, which device code may not call.
template <class To, class From>
PFAD_HD To bits(From x) {
    static_assert(sizeof(To) == sizeof(From));
    return __builtin_bit_cast(To, x);
}

/// e^x, double: the standard one.
PFAD_HD inline double exp(double x) {
    return std::exp(x);
}

/// e^x, float, relative error below 1.2e-7 for |x| <= 87; saturates to about 1e-38 and 3e38 beyond.
/// x = n ln 2 + r; e^r by a polynomial on |r| <= ln 2 / 2; 2^n through the exponent bits.
PFAD_HD inline float exp(float x) {
    // Clamped to [-87.3, 88.7] through the bits: a comparison of floats may trap, which keeps loops
    // scalar in g++. A NaN stays one.
    const std::int32_t raw = bits<std::int32_t>(x);
    const std::int32_t size = raw & 0x7fffffff;
    const std::int32_t most = raw < 0 ? 0x42ae999a : 0x42b16666;
    const std::int32_t kept = size > most && size <= 0x7f800000 ? most : size;
    x = bits<float>(kept | (raw ^ size));
    // 1.5 * 2^23 leaves no bits below one: rounds to a whole number. std::floor keeps loops scalar.
    const float shifted = x * std::numbers::log2e_v<float> + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f; // ln 2 in two pieces
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    // n = 128 would overflow the exponent field: scale in two steps. The whole number is n's, from
    // the bits: a NaN has no conversion, and a compiler may then make anything of the result.
    const std::int32_t whole = bits<std::int32_t>(shifted) - 0x4b400000;
    const std::int32_t half = whole >> 1;
    const float a = bits<float>((half + 127) << 23);
    const float b = bits<float>((whole - half + 127) << 23);
    return p * a * b;
}

/// 1 / (1 + exp(-x)), without overflow.
template <class T>
PFAD_HD T sigmoid(T x) {
    return T(1) / (T(1) + exp(-x));
}

/// log(1 + e^x) without overflow or cancellation.
template <class T>
PFAD_HD T softplus(T x) {
    return (x > T(0) ? x : T(0)) + std::log1p(std::exp(-std::abs(x)));
}

/// The error function, double: the standard one.
PFAD_HD inline double erf(double x) {
    return std::erf(x);
}

/// The error function, float, absolute error below 3e-7. 1 - erf(x) = p(t) exp(-x^2) for x >= 0,
/// t = 1 / (1 + 0.55 x); p fitted to erfc on [0, 4.5], good to 2e-8 there.
PFAD_HD inline float erf(float x) {
    const std::int32_t raw = bits<std::int32_t>(x);
    const float size = bits<float>(raw & 0x7fffffff);
    const float t = 1.0f / (1.0f + 0.55f * size);
    float p = 0.10732462f;
    p = p * t - 0.51803879f;
    p = p * t + 0.759715179f;
    p = p * t - 0.0414266775f;
    p = p * t + 0.390842267f;
    p = p * t + 0.301583417f;
    const float y = 1.0f - p * t * exp(-size * size);
    return bits<float>(bits<std::int32_t>(y) ^ (raw & ~0x7fffffff));
}

/// The standard normal distribution function, and its density.
template <class T>
PFAD_HD T normal_cdf(T x) {
    return T(0.5) * (T(1) + erf(x * T(std::numbers::sqrt2 / 2)));
}
/// The density of the standard normal distribution at x.
template <class T>
PFAD_HD T normal_pdf(T x) {
    return T(std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2) * exp(T(-0.5) * x * x);
}

} // namespace pfad::math
