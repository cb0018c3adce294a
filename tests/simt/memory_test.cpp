// Shared memory, vectors, atomics.
#include "test_support.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

using namespace simt::test;
using Catch::Contains;

namespace kernels {

struct tile_rows;

/// to (columns, rows) = from (rows, columns), by tiles of 32 x 32 and blocks of 32 x 8.
template <class T>
__global__ void transpose_kernel(const T* from, T* to, int rows, int columns) {
    T* const tile = simt::static_shared<T, 32 * 33, tile_rows>();
    const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
    const int column = static_cast<int>(blockIdx.x) * 32, row = static_cast<int>(blockIdx.y) * 32;
    for (int i = y; i < 32; i += 8)
        if (row + i < rows && column + x < columns)
            tile[i * 33 + x] = from[(row + i) * columns + column + x];
    __syncthreads();
    for (int i = y; i < 32; i += 8)
        if (column + i < columns && row + x < rows)
            to[(column + i) * rows + row + x] = tile[x * 33 + i];
}

/// Reverses the values of each block through dynamic shared memory, four at a time.
template <class = void>
__global__ void reverse_kernel(const float4* from, float4* to) {
    float* const all = simt::dynamic_shared<float>();
    const unsigned n = blockDim.x, i = threadIdx.x;
    reinterpret_cast<float4*>(all)[i] = __ldg(from + blockIdx.x * n + i);
    __syncthreads();
    const float* const v = all + 4 * (n - 1 - i);
    __stcs(to + blockIdx.x * n + i, make_float4(v[3], v[2], v[1], v[0]));
}

struct totals {
    int sum, most, least, changed;
    unsigned unsigned_sum;
    unsigned long long long_sum;
    float float_sum;
    double double_sum;
};

template <class = void>
__global__ void atomic_kernel(totals* t) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&t->sum, i);
    atomicAdd(&t->unsigned_sum, 1u);
    atomicAdd(&t->long_sum, 1ull << 32);
    atomicAdd(&t->float_sum, 0.5f);
    atomicAdd(&t->double_sum, 0.25);
    atomicMax(&t->most, i);
    atomicMin(&t->least, -i);
    int old = 0, seen = 0;
    do {
        old = seen;
        seen = atomicCAS(&t->changed, old, old + 2);
    } while (seen != old);
}

} // namespace kernels

TEST_CASE("simt: a tiled transpose", "[simt]") {
    const int rows = 45, columns = 70;
    std::vector<int> x(rows * columns);
    std::iota(x.begin(), x.end(), 0);
    in_every_order([&] {
        const device_array<int> from(x), to(x.size());
        launch(shape({3, 2}, {32, 8}), kernels::transpose_kernel<int>, from.data(), to.data(), rows,
               columns);
        const std::vector<int> y = to.host();
        bool right = true;
        for (int r = 0; r < rows; ++r)
            for (int c = 0; c < columns; ++c)
                right &= y[std::size_t(c * rows + r)] == r * columns + c;
        CHECK(right);
    });
}

TEST_CASE("simt: four floats at a time through dynamic shared memory", "[simt]") {
    const std::vector<float> x = numbers(4 * 40 * 3);
    in_every_order([&] {
        const device_array<float> from(x), to(x.size());
        launch(shape(3, 40, 40 * sizeof(float4)), kernels::reverse_kernel<>,
               reinterpret_cast<const float4*>(from.data()), reinterpret_cast<float4*>(to.data()));
        std::vector<float> expected = x;
        for (int block = 0; block < 3; ++block)
            std::reverse(expected.begin() + block * 160, expected.begin() + (block + 1) * 160);
        CHECK(to.host() == expected);
    });
}

TEST_CASE("simt: atomics", "[simt]") {
    in_every_order([] {
        const device_array<kernels::totals> to(std::vector<kernels::totals>{{}});
        launch(shape(5, 50), kernels::atomic_kernel<>, to.data());
        const auto t = to.host()[0];
        CHECK(t.sum == 250 * 249 / 2);
        CHECK(t.unsigned_sum == 250);
        CHECK(t.long_sum == 250ull << 32);
        CHECK(t.float_sum == 125);
        CHECK(t.double_sum == 62.5);
        CHECK(t.most == 249);
        CHECK(t.least == -249);
        CHECK(t.changed == 500);
    });
}

// Planted bugs

namespace kernels {

template <class = void>
__global__ void unwritten_kernel(float* to) {
    const float* const fixed = simt::static_shared<float, 8, values>();
    const float* const dynamic = simt::dynamic_shared<float>();
    to[2 * blockIdx.x] = fixed[3];
    to[2 * blockIdx.x + 1] = dynamic[3];
    __syncthreads();
    const_cast<float*>(fixed)[3] = 1; // not for the next block
    const_cast<float*>(dynamic)[3] = 1;
}

template <class = void>
__global__ void large_shared_kernel() {
    simt::static_shared<float, 12 * 1024, values>()[0] = 1;
    simt::static_shared<float, 1, partial_sums>()[0] = 1;
}

} // namespace kernels

TEST_CASE("simt: shared memory that is read before it is written", "[simt]") {
    const chosen scope(simt::order::forward);
    const device_array<float> to(6);
    launch(shape(3, 1, 8 * sizeof(float)), kernels::unwritten_kernel<>, to.data());
    for (const float v : to.host())
        CHECK(std::isnan(v));
}

TEST_CASE("simt: more shared memory than a block has", "[simt]") {
    CHECK_THAT(complaint(shape(1, 1), kernels::large_shared_kernel<>),
               Contains("more than 48 KiB of static shared memory"));
}
