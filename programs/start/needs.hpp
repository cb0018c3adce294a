// Which instructions the programs were compiled for, as far as a processor of the kind may lack them.
#pragma once

extern const bool needs_avx2, needs_avx512, needs_avx512_vbmi;
