// The one macro of the library: functions that also run on a GPU carry PFAD_HD.
#pragma once

#if defined(__CUDACC__)
/// Before a function: it runs on the host and, compiled by nvcc, on a GPU.
#define PFAD_HD __host__ __device__
#else
#define PFAD_HD
#endif
