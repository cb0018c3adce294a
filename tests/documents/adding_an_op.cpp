// The op of docs/adding_an_op.md: its test on every backend, as a part of test_documents and, with its
// kernel, of test_simt. Its benchmark is bench_documents.
#if __has_include(<simt.hpp>)
#include "kernels/pfad/ops/softplus.cuh"
#endif

#include "tests/ops/softplus.cpp"
