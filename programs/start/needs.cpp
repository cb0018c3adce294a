// Compiled as everything else is: constants, and so no instruction of its own.
#include "needs.hpp"

const processor_need processor_needs[] = {
    {"AVX", // and so on: what the preset release has by -march=native
#ifdef __AVX__
     true
#else
     false
#endif
    },
    {"AVX2",
#ifdef __AVX2__
     true
#else
     false
#endif
    },
    {"FMA",
#ifdef __FMA__
     true
#else
     false
#endif
    },
    {"BMI2",
#ifdef __BMI2__
     true
#else
     false
#endif
    },
    {"AVX-512",
#ifdef __AVX512F__
     true
#else
     false
#endif
    },
    {"AVX-512 BW, DQ and VL",
#if defined(__AVX512BW__) || defined(__AVX512DQ__) || defined(__AVX512VL__)
     true
#else
     false
#endif
    },
    {"AVX-512 VBMI",
#ifdef __AVX512VBMI__
     true
#else
     false
#endif
    },
    {nullptr, false},
};
