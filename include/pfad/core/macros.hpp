// The one macro of the library: functions that also run on a GPU carry PFAD_HD.
#pragma once

#if defined(__CUDACC__)
#define PFAD_HD __host__ __device__
#else
#define PFAD_HD
#endif
