// Compiled as everything else is: constants, and so no instruction of its own.
#include "needs.hpp"

#if defined(__AVX__) || defined(__AVX2__) || defined(__FMA__) || defined(__BMI2__)
const bool needs_avx2 = true;
#else
const bool needs_avx2 = false;
#endif

#if defined(__AVX512F__) || defined(__AVX512BW__) || defined(__AVX512DQ__) || defined(__AVX512VL__)
const bool needs_avx512 = true;
#else
const bool needs_avx512 = false;
#endif

#ifdef __AVX512VBMI__
const bool needs_avx512_vbmi = true;
#else
const bool needs_avx512_vbmi = false;
#endif
