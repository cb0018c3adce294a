// The emulator runs right kernels rightly in every order, and stops wrong ones: each test of the
// second half plants one bug. What only the sanitizers see is in planted.cpp.
#include "support/catch.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace kernels {

struct partial_sums;
struct tile_rows;
struct values;

constexpr unsigned all_lanes = 0xffffffffu;

template <class T>
__device__ T warp_sum(T v) {
    for (int far = 16; far > 0; far /= 2)
        v += __shfl_xor_sync(all_lanes, v, far);
    return v;
}

/// Without `Barrier` the second phase reads sums that are not there yet.
template <bool Barrier>
__device__ float block_sum(float v) {
    float* const sums = simt::static_shared<float, 32, partial_sums>();
    const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
    v = warp_sum(v);
    if (lane == 0)
        sums[warp] = v;
    if constexpr (Barrier)
        __syncthreads();
    v = lane < static_cast<int>(blockDim.x / 32) ? sums[lane] : 0;
    return warp_sum(v);
}

template <bool Barrier>
__global__ void __launch_bounds__(256) sum_kernel(const float* x, int n, float* sum) {
    const int step = static_cast<int>(gridDim.x * blockDim.x);
    float v = 0;
    for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += step)
        v += x[i];
    v = block_sum<Barrier>(v);
    if (threadIdx.x == 0)
        atomicAdd(sum, v);
}

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

/// Sums the first `n` lanes of a warp, the only ones that come to the shuffle.
template <class T>
__global__ void partial_mask_kernel(int n, T* sum) {
    const int i = static_cast<int>(threadIdx.x);
    const unsigned mask = __ballot_sync(all_lanes, i < n);
    if (i >= n)
        return;
    T v = static_cast<T>(i + 1), total = 0;
    for (int lane = 0; lane < n; ++lane)
        total += __shfl_sync(mask, v, lane);
    sum[i] = total;
}

struct shuffled {
    int from, up, down, exchanged;
};

template <int Width>
__global__ void width_kernel(shuffled* to, int by) {
    const int i = static_cast<int>(threadIdx.x);
    const unsigned far = static_cast<unsigned>(by);
    to[i].from = __shfl_sync(all_lanes, i, by, Width);
    to[i].up = __shfl_up_sync(all_lanes, i, far, Width);
    to[i].down = __shfl_down_sync(all_lanes, i, far, Width);
    to[i].exchanged = __shfl_xor_sync(all_lanes, i, by, Width);
}

struct votes {
    unsigned ballot;
    int any, all, count, disjunction, conjunction;
};

template <class = void>
__global__ void vote_kernel(votes* to, int below) {
    const int i = static_cast<int>(threadIdx.x);
    votes v;
    v.ballot = __ballot_sync(all_lanes, i < below);
    v.any = __any_sync(all_lanes, i < below);
    v.all = __all_sync(all_lanes, i < below);
    v.count = __syncthreads_count(i < below);
    v.disjunction = __syncthreads_or(i < below);
    v.conjunction = __syncthreads_and(i < below);
    to[i] = v;
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

struct place {
    uint3 thread, block;
};

template <class = void>
__global__ void index_kernel(place* to) {
    const unsigned in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    to[block * blockDim.x * blockDim.y * blockDim.z + in_block] = {threadIdx, blockIdx};
}

/// Half warps work for themselves, and the lanes of the two meet in between.
template <class = void>
__global__ void half_warps_kernel(int* to) {
    int* const v = simt::static_shared<int, 32, values>();
    const int i = static_cast<int>(threadIdx.x);
    v[i] = i;
    if (i < 16) {
        __syncwarp(0x0000ffffu);
        to[i] = v[15 - i];
    } else {
        __syncwarp(0xffff0000u);
        to[i] = v[47 - i];
    }
    __syncwarp();
    if (i == 0)
        to[32] = v[31];
}

} // namespace kernels

namespace {

/// Chooses an order for the rest of the scope.
struct chosen {
    simt::settings before = simt::options();
    explicit chosen(simt::order order, std::uint64_t seed = 1) {
        simt::options().order = order;
        simt::options().seed = seed;
    }
    chosen(const chosen&) = delete;
    chosen& operator=(const chosen&) = delete;
    ~chosen() { simt::options() = before; }
};

/// Memory on the device that starts as 0xFF, or with values.
template <class T>
class device_array {
public:
    explicit device_array(std::size_t n) : n_(n) {
        REQUIRE(cudaMalloc(&p_, n * sizeof(T)) == cudaSuccess);
    }
    explicit device_array(const std::vector<T>& v) : device_array(v.size()) {
        REQUIRE(cudaMemcpy(p_, v.data(), n_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
    }
    device_array(const device_array&) = delete;
    device_array& operator=(const device_array&) = delete;
    ~device_array() { cudaFree(p_); }

    [[nodiscard]] T* data() const { return p_; }

    [[nodiscard]] std::vector<T> host() const {
        std::vector<T> v(n_);
        REQUIRE(cudaMemcpy(v.data(), p_, n_ * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
        return v;
    }

private:
    std::size_t n_;
    T* p_ = nullptr;
};

cudaLaunchConfig_t shape(dim3 grid, dim3 block, std::size_t shared = 0) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    return config;
}

template <class... P, class... A>
void launch(const cudaLaunchConfig_t& config, void (*kernel)(P...), A... arguments) {
    REQUIRE(cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess);
}

/// What the emulator says of a kernel; nothing if it finds no bug.
template <class... P, class... A>
std::string complaint(const cudaLaunchConfig_t& config, void (*kernel)(P...), A... arguments) {
    try {
        static_cast<void>(cudaLaunchKernelEx(&config, kernel, arguments...));
    } catch (const simt::error& e) {
        return e.what();
    }
    return "";
}

/// Calls f() in every order, with two seeds of the random one.
template <class F>
void in_every_order(const F& f) {
    for (const auto order : {simt::order::forward, simt::order::warp_greedy}) {
        const chosen scope(order);
        f();
    }
    for (const std::uint64_t seed : {1, 2}) {
        const chosen scope(simt::order::seeded_random, seed);
        f();
    }
}

std::vector<float> numbers(int n) {
    std::vector<float> x(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i)
        x[static_cast<std::size_t>(i)] = static_cast<float>(i * 7919 % 97 - 48);
    return x;
}

template <bool Barrier>
float sum_of(const std::vector<float>& x) {
    const device_array<float> from(x), sum(std::vector<float>{0});
    launch(shape(3, 256), kernels::sum_kernel<Barrier>, from.data(), static_cast<int>(x.size()),
           sum.data());
    return sum.host()[0];
}

} // namespace

TEST_CASE("simt: a block sums with shuffles and shared memory", "[simt]") {
    const std::vector<float> x = numbers(3000);
    const float expected = std::accumulate(x.begin(), x.end(), 0.0f);
    in_every_order([&] { CHECK(sum_of<true>(x) == expected); });
}

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

TEST_CASE("simt: shuffles among some lanes of a warp", "[simt]") {
    in_every_order([] {
        for (const int n : {1, 10, 31, 32}) {
            const device_array<double> sums(static_cast<std::size_t>(n));
            launch(shape(1, 32), kernels::partial_mask_kernel<double>, n, sums.data());
            CHECK(sums.host() == std::vector<double>(std::size_t(n), n * (n + 1) / 2.0));
        }
    });
}

TEST_CASE("simt: shuffles in segments of a warp", "[simt]") {
    const auto check = [](auto width_kernel, int width, int by) {
        const device_array<kernels::shuffled> to(32);
        launch(shape(1, 32), width_kernel, to.data(), by);
        const auto found = to.host();
        for (int i = 0; i < 32; ++i) {
            const int first = i / width * width, last = first + width - 1;
            const auto& s = found[std::size_t(i)];
            CAPTURE(width, by, i);
            CHECK(s.from == first + by % width);
            CHECK(s.up == (i - by >= first ? i - by : i));
            CHECK(s.down == (i + by <= last ? i + by : i));
            CHECK(s.exchanged == ((i ^ by) <= last ? i ^ by : i));
        }
    };
    for (const int by : {0, 1, 5, 8, 31}) {
        check(kernels::width_kernel<1>, 1, by);
        check(kernels::width_kernel<8>, 8, by);
        check(kernels::width_kernel<16>, 16, by);
        check(kernels::width_kernel<32>, 32, by);
    }
}

TEST_CASE("simt: votes of a warp and of a block", "[simt]") {
    in_every_order([] {
        for (const int below : {0, 5, 40, 64}) {
            const device_array<kernels::votes> to(64);
            launch(shape(1, 64), kernels::vote_kernel<>, to.data(), below);
            const auto found = to.host();
            for (int i = 0; i < 64; ++i) {
                const int in_warp = std::clamp(below - i / 32 * 32, 0, 32);
                const auto& v = found[std::size_t(i)];
                CHECK(v.ballot == (in_warp == 32 ? ~0u : (1u << in_warp) - 1));
                CHECK(v.any == (in_warp > 0));
                CHECK(v.all == (in_warp == 32));
                CHECK(v.count == below);
                CHECK(v.disjunction == (below > 0));
                CHECK(v.conjunction == (below == 64));
            }
        }
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

TEST_CASE("simt: blocks and grids of three dimensions", "[simt]") {
    in_every_order([] {
        const dim3 grid(2, 3, 4), block(5, 2, 3);
        const device_array<kernels::place> to(24 * 30);
        launch(shape(grid, block), kernels::index_kernel<>, to.data());
        const auto found = to.host();
        bool right = true;
        for (unsigned i = 0; i < found.size(); ++i) {
            const unsigned t = i % 30, b = i / 30;
            const auto& p = found[i];
            right &= p.thread.x == t % 5 && p.thread.y == t / 5 % 2 && p.thread.z == t / 10;
            right &= p.block.x == b % 2 && p.block.y == b / 2 % 3 && p.block.z == b / 6;
        }
        CHECK(right);
    });
}

TEST_CASE("simt: a barrier of each half warp", "[simt]") {
    in_every_order([] {
        const device_array<int> to(33);
        launch(shape(1, 32), kernels::half_warps_kernel<>, to.data());
        const auto found = to.host();
        for (int i = 0; i < 32; ++i)
            CHECK(found[std::size_t(i)] == (i < 16 ? 15 - i : 47 - i));
        CHECK(found[32] == 31);
    });
}

TEST_CASE("simt: intrinsics", "[simt]") {
    CHECK(__popc(0xf0u) == 4);
    CHECK(__ffs(0) == 0);
    CHECK(__ffs(8) == 4);
    CHECK(__clz(1) == 31);
    CHECK(__clz(0) == 32);
    CHECK(__brev(0x00000003u) == 0xc0000000u);
    CHECK(__brev(0x12345678u) == 0x1e6a2c48u);
    CHECK(__int_as_float(__float_as_int(1.5f)) == 1.5f);
    CHECK(__uint_as_float(__float_as_uint(-2.5f)) == -2.5f);
    CHECK(__expf(1.0f) == Approx(2.718281828));
    CHECK(__logf(2.0f) == Approx(0.693147181));
    CHECK(rsqrtf(4.0f) == 0.5f);
    CHECK(__fdividef(1.0f, 4.0f) == 0.25f);
    CHECK(__fmaf_rn(2.0f, 3.0f, 1.0f) == 7.0f);
}

namespace kernels {

template <class = void>
__global__ void order_kernel(int* count, int* to) {
    to[atomicAdd(count, 1)] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

template <class = void>
__global__ void throw_kernel(int thread) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) == thread)
        throw std::logic_error("not today");
    __syncthreads();
}

struct few {
    int at[3];
};

template <class = void>
__global__ void arguments_kernel(few v, double d, const float* p, int* to) {
    v.at[0] += static_cast<int>(threadIdx.x); // a copy of its own
    __syncthreads();
    to[threadIdx.x] = v.at[0] + static_cast<int>(d) + (p == nullptr ? 1000 : 0);
}

} // namespace kernels

TEST_CASE("simt: the seed decides the order of threads and blocks", "[simt]") {
    const auto sequence = [](simt::order order, std::uint64_t seed) {
        const chosen scope(order, seed);
        const device_array<int> count(std::vector<int>{0}), to(4 * 64);
        launch(shape(4, 64), kernels::order_kernel<>, count.data(), to.data());
        return to.host();
    };
    std::vector<int> straight(4 * 64);
    std::iota(straight.begin(), straight.end(), 0);
    CHECK(sequence(simt::order::forward, 1) == straight);
    CHECK(sequence(simt::order::warp_greedy, 1) == straight);
    const auto one = sequence(simt::order::seeded_random, 1);
    CHECK(one == sequence(simt::order::seeded_random, 1));
    CHECK(one != sequence(simt::order::seeded_random, 2));
    CHECK(one != straight);
    CHECK(std::is_permutation(one.begin(), one.end(), straight.begin()));
}

TEST_CASE("simt: arguments are converted, and each thread has its own", "[simt]") {
    const device_array<int> to(3);
    launch(shape(1, 3), kernels::arguments_kernel<>, kernels::few{{7, 0, 0}}, 20, nullptr,
           to.data());
    CHECK(to.host() == std::vector<int>{1027, 1028, 1029});
}

TEST_CASE("simt: a kernel's exception comes out, and the next launch works", "[simt]") {
    in_every_order([] {
        const auto config = shape(2, 96);
        CHECK_THROWS_AS(cudaLaunchKernelEx(&config, kernels::throw_kernel<>, 70), std::logic_error);
        launch(config, kernels::throw_kernel<>, 96);
        CHECK(sum_of<true>({1, 2, 3}) == 6);
    });
}

TEST_CASE("simt: launches that the hardware refuses", "[simt]") {
    const auto status = [](const cudaLaunchConfig_t& config) {
        return cudaLaunchKernelEx(&config, kernels::throw_kernel<>, -1);
    };
    CHECK(status(shape(1, 1024)) == cudaSuccess);
    CHECK(status(shape(1, {16, 1, 64})) == cudaSuccess);
    CHECK(status(shape(1, 1025)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {32, 33})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {1, 1, 65})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, {65536, 65536, 1})) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(1, 0)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 65536}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 1, 65536}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape(0x80000000u, 1)) == cudaErrorInvalidConfiguration);
    CHECK(status(shape({1, 0}, 1)) == cudaErrorInvalidConfiguration);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    CHECK(cudaGetLastError() == cudaSuccess);

    const auto limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
    CHECK(status(shape(1, 1, 48 * 1024)) == cudaSuccess);
    CHECK(status(shape(1, 1, 48 * 1024 + 1)) == cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(kernels::throw_kernel<>, limit, 227 * 1024) == cudaSuccess);
    CHECK(status(shape(1, 1, 227 * 1024)) == cudaSuccess);
    CHECK(status(shape(1, 1, 227 * 1024 + 1)) == cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(kernels::throw_kernel<>, limit, 228 * 1024) ==
          cudaErrorInvalidValue);
    cudaGetLastError();
}

TEST_CASE("simt: a machine without a device", "[simt]") {
    const chosen scope(simt::order::forward);
    simt::options().device_present = false;
    int count = -1;
    CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
    CHECK(count == 0);
    float* p = nullptr;
    CHECK(cudaMalloc(&p, 4) == cudaErrorNoDevice);
    CHECK(p == nullptr);
    const auto config = shape(1, 1);
    CHECK(cudaLaunchKernelEx(&config, kernels::throw_kernel<>, -1) == cudaErrorNoDevice);
    CHECK(cudaGetLastError() == cudaErrorNoDevice);
    CHECK(std::string(cudaGetErrorName(cudaErrorNoDevice)) == "cudaErrorNoDevice");
}

TEST_CASE("simt: the device", "[simt]") {
    const chosen scope(simt::order::forward);
    simt::options().multiprocessors = 7;
    int count = 0, device = -1, multiprocessors = 0;
    CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
    CHECK(count == 1);
    CHECK(cudaGetDevice(&device) == cudaSuccess);
    CHECK(device == 0);
    CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(cudaPeekAtLastError() == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
    CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0) ==
          cudaSuccess);
    CHECK(multiprocessors == 7);
    cudaDeviceProp p;
    CHECK(cudaGetDeviceProperties(&p, 0) == cudaSuccess);
    CHECK(std::string(p.name) == "SIMT emulator");
    CHECK(p.sharedMemPerBlockOptin == 227 * 1024);
}

TEST_CASE("simt: memory, and copies in the wrong direction", "[simt]") {
    std::size_t before = 0, after = 0, total = 0;
    CHECK(cudaMemGetInfo(&before, &total) == cudaSuccess);
    float *p = nullptr, *pinned = nullptr;
    CHECK(cudaMalloc(&p, 3 * sizeof(float)) == cudaSuccess);
    CHECK(cudaMallocHost(&pinned, 3 * sizeof(float)) == cudaSuccess);
    CHECK(cudaMemGetInfo(&after, &total) == cudaSuccess);
    CHECK(before - after == 12);
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 256 == 0);
    CHECK(cudaMemcpy(pinned, p, 12, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(std::isnan(pinned[2]));
    CHECK(cudaMemset(p, 0, 12) == cudaSuccess);
    CHECK(cudaMemcpyAsync(pinned, p + 1, 4, cudaMemcpyDefault) == cudaSuccess);
    CHECK(pinned[0] == 0);
    CHECK(cudaMemcpy(pinned, p, 12, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(p, pinned, 12, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(p, pinned, 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemset(pinned, 0, 12) == cudaErrorInvalidValue);
    CHECK(cudaFree(pinned) == cudaErrorInvalidValue);
    CHECK(cudaFree(p + 1) == cudaErrorInvalidValue);
    CHECK(cudaFreeHost(pinned) == cudaSuccess);
    CHECK(cudaFree(p) == cudaSuccess);
    CHECK(cudaFree(p) == cudaErrorInvalidValue);
    CHECK(cudaFree(nullptr) == cudaSuccess);
    CHECK(cudaMalloc(&p, total + 1) == cudaErrorMemoryAllocation);
    CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
}

TEST_CASE("simt: streams and events", "[simt]") {
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr, end = nullptr;
    float milliseconds = -1;
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    CHECK(cudaEventCreate(&begin) == cudaSuccess);
    CHECK(cudaEventCreateWithFlags(&end, cudaEventDefault) == cudaSuccess);
    CHECK(cudaEventRecord(begin, stream) == cudaSuccess);
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaErrorInvalidResourceHandle);
    CHECK(cudaEventRecord(end, stream) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(stream, end) == cudaSuccess);
    CHECK(cudaEventSynchronize(end) == cudaSuccess);
    CHECK(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess);
    CHECK(milliseconds >= 0);
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    CHECK(cudaStreamQuery(stream) == cudaSuccess);
    void* p = nullptr;
    CHECK(cudaMallocAsync(&p, 4, stream) == cudaSuccess);
    CHECK(cudaMemsetAsync(p, 0, 4, stream) == cudaSuccess);
    CHECK(cudaFreeAsync(p, stream) == cudaSuccess);
    CHECK(cudaEventDestroy(begin) == cudaSuccess);
    CHECK(cudaEventDestroy(end) == cudaSuccess);
    CHECK(cudaStreamDestroy(stream) == cudaSuccess);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(cudaStreamDestroy(nullptr) == cudaErrorInvalidResourceHandle);
    CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
}

// Planted bugs

namespace kernels {

template <class = void>
__global__ void outside_mask_kernel(float* to) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < 16)
        to[i] = __shfl_sync(0x0000ffffu, 1.0f, i == 3 ? 20 : i);
}

template <class = void>
__global__ void not_in_own_mask_kernel() {
    __syncwarp(0x0000ffffu);
}

template <class = void>
__global__ void returned_lane_kernel(int first) {
    if (static_cast<int>(threadIdx.x) == first)
        return;
    __syncwarp();
}

template <class = void>
__global__ void missing_lane_kernel() {
    __ballot_sync(all_lanes, 1);
}

template <class = void>
__global__ void two_places_kernel(float* to) {
    const int i = static_cast<int>(threadIdx.x);
    float v = 1;
    if (i % 2 == 0)
        v = __shfl_xor_sync(all_lanes, v, 2);
    else
        v = __shfl_xor_sync(all_lanes, v, 2);
    to[i] = v;
}

template <class = void>
__global__ void divergent_barrier_kernel() {
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}

template <class = void>
__global__ void early_return_kernel(int n) {
    if (static_cast<int>(threadIdx.x) >= n)
        return;
    __syncthreads();
}

/// The two lanes wait for each other in rounds of different masks.
template <class = void>
__global__ void deadlock_kernel() {
    if (threadIdx.x == 0)
        __syncwarp(0x3u);
    if (threadIdx.x == 1)
        __syncwarp(0x7u);
    if (threadIdx.x == 2)
        __syncwarp(0x6u);
}

/// One warp at the barrier of the block, one lane of the other in a warp function.
template <class = void>
__global__ void warp_or_block_kernel() {
    if (threadIdx.x == 40)
        __syncwarp(1u << 8 | 1u << 9);
    else
        __syncthreads();
}

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

template <class = void>
__global__ void bad_width_kernel(int width, int far) {
    __shfl_down_sync(all_lanes, 1, static_cast<unsigned>(far), width);
}

template <class = void>
__global__ void nested_kernel(cudaLaunchConfig_t config) {
    static_cast<void>(cudaLaunchKernelEx(&config, missing_lane_kernel<>));
}

} // namespace kernels

using Catch::Contains;

#ifndef __SANITIZE_THREAD__ // which would report the race, and end the program
TEST_CASE("simt: every seed finds a missing barrier", "[simt]") {
    const std::vector<float> x = numbers(3000);
    const float expected = std::accumulate(x.begin(), x.end(), 0.0f);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const chosen scope(simt::order::seeded_random, seed);
        const float found = sum_of<false>(x);
        CAPTURE(seed, found);
        CHECK(found != expected);
        CHECK(sum_of<true>(x) == expected);
    }
}
#endif

TEST_CASE("simt: a shuffle from outside of its mask", "[simt]") {
    in_every_order([] {
        const device_array<float> to(16);
        const std::string said = complaint(shape(1, 32), kernels::outside_mask_kernel<>, to.data());
        CHECK_THAT(said, Contains("mask 0x0000ffff lacks lane 20, which is read: thread (3, 0, 0) "
                                  "of block (0, 0, 0) in __shfl_sync at "));
        CHECK_THAT(said, Contains("simt_test.cpp:"));
        CHECK(std::isnan(to.host()[3]));
        CHECK(to.host()[4] == 1);
    });
}

TEST_CASE("simt: a lane that its own mask lacks", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 32), kernels::not_in_own_mask_kernel<>),
                   Contains("mask 0x0000ffff lacks the lane that calls: thread (") &&
                       Contains("in __syncwarp at ") && Contains("simt_test.cpp:"));
    });
}

TEST_CASE("simt: a mask that names a returned lane", "[simt]") {
    in_every_order([] {
        for (const int lane : {0, 31})
            CHECK_THAT(complaint(shape(1, 32), kernels::returned_lane_kernel<>, lane),
                       Contains("names a lane that") && Contains("simt_test.cpp:"));
        CHECK(complaint(shape(1, 32), kernels::returned_lane_kernel<>, -1).empty());
    });
}

TEST_CASE("simt: a mask that names a lane beyond the block", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 48), kernels::missing_lane_kernel<>),
                   Contains("names a lane that does not exist"));
    });
}

TEST_CASE("simt: lanes of one mask at different places", "[simt]") {
    in_every_order([] {
        const device_array<float> to(32);
        const std::string said = complaint(shape(1, 32), kernels::two_places_kernel<>, to.data());
        CHECK_THAT(said, Contains("lanes of one mask at different places: thread (0, 0, 0)"));
        CHECK_THAT(said, Contains("; thread (1, 0, 0)"));
    });
}

TEST_CASE("simt: a divergent barrier", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 64), kernels::divergent_barrier_kernel<>),
                   Contains("divergent barrier: thread (") && Contains("in __syncthreads at "));
    });
}

TEST_CASE("simt: a thread that returns before a barrier", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(2, 64), kernels::early_return_kernel<>, 63),
                   Contains("barrier without all threads: thread (63, 0, 0)"));
        CHECK(complaint(shape(2, 64), kernels::early_return_kernel<>, 64).empty());
    });
}

TEST_CASE("simt: deadlock", "[simt]") {
    in_every_order([] {
        CHECK_THAT(complaint(shape(1, 3), kernels::deadlock_kernel<>),
                   Contains("deadlock, no thread can go on; thread (0, 0, 0)") &&
                       Contains("mask 0x00000003") && Contains("mask 0x00000006"));
        CHECK_THAT(complaint(shape(1, 64), kernels::warp_or_block_kernel<>),
                   Contains("deadlock") && Contains("__syncthreads") && Contains("__syncwarp"));
    });
}

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

TEST_CASE("simt: shuffles too wide and too far", "[simt]") {
    CHECK(complaint(shape(1, 32), kernels::bad_width_kernel<>, 16, 1).empty());
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 24, 1), Contains("width"));
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 64, 1), Contains("width"));
    CHECK_THAT(complaint(shape(1, 32), kernels::bad_width_kernel<>, 32, 32), Contains("31 lanes"));
}

TEST_CASE("simt: a kernel that launches, and kernels' functions outside", "[simt]") {
    CHECK_THAT(complaint(shape(1, 1), kernels::nested_kernel<>, shape(1, 1)),
               Contains("a kernel launches a kernel: thread (0, 0, 0)"));
    CHECK_THROWS_WITH(__syncthreads(), Contains("outside of a kernel"));
}
