// Arrays of more than 2^31 elements: the loops' grids, and where the functors that take an image
// apart read and write. Nothing that large is filled: the arrays are address space, of which each
// test touches a few pages.
#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cuda.cuh>

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <limits>

using namespace pfad;
using namespace pfad::test;

namespace {

constexpr std::int64_t beyond = std::int64_t(1) << 31;

/// `count` elements of address space, all zero.
template <class T>
class far_memory {
public:
    explicit far_memory(std::int64_t count) : bytes_(static_cast<std::size_t>(count) * sizeof(T)) {
        void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        REQUIRE(memory != MAP_FAILED);
        data_ = static_cast<T*>(memory);
    }
    ~far_memory() { munmap(data_, bytes_); }
    far_memory(const far_memory&) = delete;
    far_memory& operator=(const far_memory&) = delete;

    operator T*() const { return data_; }

private:
    T* data_ = nullptr;
    std::size_t bytes_;
};

/// Counts what a loop hands out: elements, the sum of their numbers, and wide pieces.
struct tally {
    std::int64_t* seen; // (3)

    template <int N>
    __device__ void operator()(cuda::device::width<N>, std::int64_t i) const {
        seen[0] += N;
        seen[1] += N * i + N * (N - 1) / 2;
        seen[2] += N > 1;
    }
};

constexpr cuda::device::width<1> one = {};

} // namespace

TEST_CASE("large arrays: a pointwise loop hands out every element once", "[simt]") {
    cuda::context ctx;
    std::int64_t seen[3] = {};
    constexpr std::int64_t count = beyond + 21;
    cuda::map<64>(ctx, "tally", count, true, tally{seen});
    CHECK(seen[0] == count);
    CHECK(seen[1] == (count - 1) / 2 * count);
    CHECK(seen[2] == count / 64);
}

TEST_CASE("large arrays: grids are what the hardware takes", "[simt]") {
    cuda::context ctx;
    for (const std::int64_t items : {std::int64_t(1), beyond - 1, beyond, 5 * beyond}) {
        const unsigned blocks = cuda::blocks_for(ctx, items, 256);
        CHECK(blocks >= 1);
        CHECK(blocks <= static_cast<unsigned>(ctx.multiprocessors) * 32);
        CHECK(cuda::divide_up(items, 3) * 3 >= items);
        CHECK(cuda::divide_up(items, 3) * 3 < items + 3);
        CHECK(cuda::sum_blocks(items) == (items == 1 ? 1 : 1024));
    }
}

TEST_CASE("large arrays: an extent that an int cannot hold is refused", "[simt]") {
    CHECK(cuda::index(beyond - 65536) == beyond - 65536);
    // A step of the largest grid from there must not overflow.
    CHECK(error_code([] { static_cast<void>(cuda::index(beyond - 65535)); }) == errc::value);
    CHECK(error_code([] { static_cast<void>(cuda::index(beyond)); }) == errc::value);
}

TEST_CASE("large arrays: max_pool2d", "[simt]") {
    SECTION("the last pixel of the last image") {
        const int n = 3, h = 20001, w = 20000, c = 2, oh = 10000, ow = 10000;
        const far_memory<float> x(std::int64_t(n) * h * w * c), y(std::int64_t(n) * oh * ow * c);
        const far_memory<std::uint8_t> taps(std::int64_t(n) * oh * ow * c);
        // Window 2 x 2, stride 2: rows h - 3 and h - 2, the last two columns.
        x[((std::int64_t(n - 1) * h + h - 2) * w + w - 1) * c + 1] = 7;
        const cuda::kernels::max_pool_value<float> value{x, y, taps, c, h, w, oh, ow, {2, 2, 0}};
        value(one, n * oh - 1, ow - 1, 1);
        const std::int64_t last = std::int64_t(n) * oh * ow * c - 1;
        CHECK(y[last] == 7);
        CHECK(taps[last] == 3);
        const cuda::kernels::max_pool_gradient<float> gradient{y, taps, x,  c,         h,
                                                               w, oh,   ow, {2, 2, 0}, store::set};
        gradient(one, n * h - 2, w - 1, 1);
        CHECK(x[((std::int64_t(n - 1) * h + h - 2) * w + w - 1) * c + 1] == 7);
        gradient(one, n * h - 2, w - 2, 1);
        CHECK(x[((std::int64_t(n - 1) * h + h - 2) * w + w - 2) * c + 1] == 0);
    }
    SECTION("the last row of a window of very long rows") {
        const int h = 15, w = 1 << 28;
        const far_memory<float> x(std::int64_t(h) * w), y(w);
        x[std::int64_t(h - 1) * w] = 7;
        const cuda::kernels::max_pool_value<float> value{x, y, nullptr, 1, h, w, 1, w, {15, 1, 0}};
        value(one, 0, 0, 0);
        CHECK(y[0] == 7);
    }
    SECTION("more rows of windows than an int holds") {
        const int n = 1200000000;
        const far_memory<float> gy(std::int64_t(n) * 2 * 2), gx(n);
        const far_memory<std::uint8_t> taps(std::int64_t(n) * 2 * 2);
        // One pixel, padded, in four windows of 2 x 2: it is the tap 3 - k of window k.
        for (int k = 0; k < 4; ++k) {
            gy[std::int64_t(n - 1) * 4 + k] = static_cast<float>(1 << k);
            taps[std::int64_t(n - 1) * 4 + k] = static_cast<std::uint8_t>(3 - k);
        }
        const cuda::kernels::max_pool_gradient<float> gradient{gy, taps, gx, 1,         1,
                                                               1,  2,    2,  {2, 1, 1}, store::set};
        gradient(one, n - 1, 0, 0);
        CHECK(gx[n - 1] == 15);
    }
}

TEST_CASE("large arrays: resize_bilinear", "[simt]") {
    SECTION("more rows to read than an int holds") {
        const int n = 4, h = 1000000000;
        const far_memory<float> x(std::int64_t(n) * h), y(n);
        const std::int64_t middle = std::int64_t(n - 1) * h + h / 2;
        x[middle - 1] = 2;
        x[middle] = 4;
        const cuda::kernels::resize_value<float> value{
            x, y, 1, 1, cuda::resize_axis(h, 1), cuda::resize_axis(1, 1)};
        value(one, n - 1, 0, 0);
        CHECK(y[n - 1] == 3);
    }
    SECTION("more rows to gather from than an int holds") {
        const int n = 4, h = 100000000, oh = 8 * h;
        const far_memory<float> gy(std::int64_t(n) * oh), gx(std::int64_t(n) * h);
        for (int k = 0; k < 8; ++k)
            gy[std::int64_t(n) * oh - 1 - k] = 1;
        const cuda::kernels::resize_gradient<float> gradient{
            gy, gx, 1, 1, cuda::resize_axis(h, oh), cuda::resize_axis(1, 1), store::set};
        gradient(one, n * h - 1, 0, 0);
        // Four targets beyond the last centre, and the falling weights of the four before it.
        CHECK(gx[std::int64_t(n) * h - 1] == 4 + (15 + 13 + 11 + 9) / 16.0f);
    }
}

TEST_CASE("large arrays: depthwise_conv2d", "[simt]") {
    for (const bool down : {false, true}) {
        const shape<4> dims = {{3, 20000, 20000, 2}}, filter = {{1, down ? 3 : 1, down ? 1 : 3, 2}};
        const far_memory<float> x(dims.size()), y(dims.size());
        float w[6] = {1, 2, 3, 4, 5, 6}, b[2] = {0, 0.5f};
        const auto lines = cuda::depthwise_lines(dims, filter, 4);
        x[dims.size() - 1] = 10;
        const cuda::kernels::depthwise_value<float, 4> value{x, w, b, y, lines, store::set};
        const int rows = 3 * lines.rows, units = lines.units;
        value(one, rows - 1, units - 1, 1);
        CHECK(y[dims.size() - 1] == 40.5f);
        const cuda::kernels::depthwise_term<float, 3> term{
            x, y, cuda::depthwise_lines(dims, filter, 8), 1};
        const std::int64_t runs = std::int64_t(term.l.rows) * 3 * term.l.units;
        float sum[3][1] = {};
        term(one, 0, runs - 1, 1, sum);
        CHECK(sum[1][0] == 405); // the middle tap meets both last pixels
        const auto place = term.l.of(3 * term.l.rows - 1, term.l.units - 1);
        CHECK(place.image == 2 * dims.size() / 3);
    }
}

TEST_CASE("large arrays: pointwise functors find the last element's pixel, sample and channel",
          "[simt]") {
    const std::int64_t n = 3, h = 20000, w = 20001, c = 2, area = h * w, size = n * area * c;
    const std::int64_t last = size - 1;
    const far_memory<float> x(size), y(size);
    float small[2 * 3 * 2] = {};
    for (int i = 0; i < 12; ++i)
        small[i] = static_cast<float>(i);
    SECTION("global_average_pool's gradient") {
        cuda::kernels::global_average_gradient<float>{small, y, area, c, 2, store::set}(one, last);
        CHECK(y[last] == 10);
    }
    SECTION("attention_fuse") {
        x[last] = 3;
        const far_memory<float> r(size), local(size), gate(size);
        small[5] = 0;
        cuda::kernels::attention_fuse_value<float>{x, r, local, small, gate, y, area, c, false}(
            one, last);
        CHECK(gate[last] == 0.5f);
        CHECK(y[last] == 3);
    }
    SECTION("batch_norm") {
        x[last] = 3;
        cuda::kernels::batch_norm_value<float>{x, nullptr, small, y, c, false}(one, last);
        CHECK(y[last] == 3 * small[1] + small[3]);
    }
    SECTION("layer_scale_add") {
        x[last] = 3;
        cuda::kernels::layer_scale_value<float>{nullptr, x, small + 2, y, c, store::set}(one, last);
        CHECK(y[last] == 9);
    }
    SECTION("concat_channels") {
        // A repeated pixel, to the last channels of twice as many.
        const far_memory<float> wide(2 * size);
        cuda::kernels::concat_copy<float>{small, wide + c, c, c, 2 * c, area, store::set}(one,
                                                                                          last);
        CHECK(wide[2 * size - 1] == 5);
    }
    SECTION("branch_mix") {
        const far_memory<float> f(2 * size);
        f[2 * size - 1] = 3;
        cuda::kernels::branch_mix_value<float>{f, small, y, area, 2, c}(one, last);
        CHECK(y[last] == 33);
    }
    SECTION("strip_conv2d") {
        const far_memory<float> along(n * h * c), across(n * w * c);
        along[n * h * c - 1] = 3;
        across[n * w * c - 1] = 4;
        const far_memory<float> slope(w * c);
        slope[w * c - 1] = 2;
        cuda::kernels::strip_value<float>{along, slope, across, y, h, w, c, store::set}(
            one, n * h - 1, w - 1, c - 1);
        CHECK(y[last] == 10);
        cuda::kernels::strip_value<float>{along, nullptr, across, y, h, w, c, store::set}(
            one, n * h - 1, w - 1, c - 1);
        CHECK(y[last] == 7);
    }
    SECTION("spatial_pyramid_pool's gradient") {
        float table[3 * 9 * 2] = {};
        table[53] = 8;
        cuda::kernels::pyramid_gradient<float>{table, y, h, w, c, store::set}(one, last);
        CHECK(y[last] == 8);
    }
    SECTION("the terms of column sums") {
        x[last] = 3;
        float sum[1][1] = {};
        cuda::kernels::global_average_term<float>{x, area, c}(one, n - 1, area - 1, c - 1, sum);
        CHECK(sum[0][0] == 3);
        cuda::kernels::column_term<float>{x, area, c}(one, n - 1, area - 1, c - 1, sum);
        CHECK(sum[0][0] == 6);
        cuda::kernels::layer_scale_term<float>{x, x, c}(one, 0, n * area - 1, c - 1, sum);
        CHECK(sum[0][0] == 15);
        float zones[3][1] = {};
        cuda::kernels::pyramid_term<float>{x, h, w, c}(one, 3 * n - 1, h / 2 * w - 1, c - 1, zones);
        CHECK(zones[2][0] == 3);
    }
}
