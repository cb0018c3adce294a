#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/onednn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

using namespace pfad;
using onednn::conv2d_algorithm;
using onednn::operation;

namespace {

template <class T, int R>
tensor<T, R> draw(cpu::context& ctx, const shape<R>& dims, const char* name) {
    auto result = empty<T>(ctx, dims);
    random_stream draws(5, name);
    // Of 8 bits, so that bf16 holds them exactly.
    std::generate_n(result.data(), result.size(), [&] {
        return static_cast<T>(static_cast<float>(std::floor(draws.uniform(-1, 1) * 128) / 128));
    });
    return result;
}

template <class T, int R>
tensor<double, R> widen(cpu::context& ctx, const tensor<T, R>& from) {
    auto result = empty<double>(ctx, from.dims());
    std::transform(from.data(), from.data() + from.size(), result.data(),
                   [](T value) { return static_cast<double>(value); });
    return result;
}

// Against the largest of what is wanted, as results of a tile share their rounding: it is 1e-6 of a
// typical result, which is a third of the largest or less, and the worst of many is a dozen times that.
template <class T>
void check_close(const tensor<T, 4>& got, const tensor<double, 4>& want) {
    double largest = 0;
    for (std::int64_t i = 0; i < want.size(); ++i)
        largest = std::max(largest, std::abs(want.data()[i]));
    const double allowed = largest * (std::is_same_v<T, bf16> ? 0x1p-7 : 4e-6);
    for (std::int64_t i = 0; i < want.size(); ++i) {
        const double gap = std::abs(static_cast<double>(got.data()[i]) - want.data()[i]);
        if (!(gap <= allowed)) {
            INFO(to_string(want.dims())
                 << ", element " << i << ": got " << static_cast<double>(got.data()[i]) << ", want "
                 << want.data()[i] << ", largest " << largest);
            FAIL("outside the bound");
        }
    }
    CHECK(largest > 0);
}

struct convolution {
    shape<4> x, w;
    int padding;

    [[nodiscard]] conv2d_geometry g() const { return {1, padding, 1}; }
    [[nodiscard]] shape<4> y() const {
        return {{x[0], g().output(x[1], 3), g().output(x[2], 3), w[0]}};
    }
};

// A size that is a multiple of a tile, others, a single pixel; blocks of filters, ranges of tiles and
// groups of ranges that end with a smaller one; a group that has no other range than the smaller one.
const std::vector<convolution> convolutions = {
    {{{1, 8, 8, 16}}, {{16, 3, 3, 16}}, 1},    {{{2, 9, 7, 32}}, {{48, 3, 3, 32}}, 1},
    {{{1, 1, 1, 16}}, {{32, 3, 3, 16}}, 1},    {{{3, 6, 11, 80}}, {{16, 3, 3, 80}}, 0},
    {{{1, 5, 13, 16}}, {{80, 3, 3, 16}}, 2},   {{{1, 3, 3, 16}}, {{16, 3, 3, 16}}, 0},
    {{{1, 37, 35, 16}}, {{32, 3, 3, 16}}, 1},  {{{2, 150, 150, 32}}, {{32, 3, 3, 32}}, 1},
    {{{1, 4, 260, 16}}, {{880, 3, 3, 16}}, 1},
};

template <class T>
void check(onednn::context& ctx, const convolution& z) {
    const auto x = draw<T>(ctx, z.x, "x"), w = draw<T>(ctx, z.w, "w");
    const auto gy = draw<T>(ctx, z.y(), "gy");
    const auto b = draw<float>(ctx, shape<1>{{z.w[0]}}, "b");
    const auto x64 = widen(ctx, x), w64 = widen(ctx, w), gy64 = widen(ctx, gy);
    const auto b64 = widen(ctx, b);
    const T nan = static_cast<T>(std::numeric_limits<float>::quiet_NaN());

    const auto want = empty<double>(ctx, z.y());
    cpu::conv2d_forward(ctx, x64, w64, b64.view(), want.view(), z.g());
    const auto y = full(ctx, z.y(), nan);
    onednn::conv2d_forward<T>(ctx, x, w, b.view(), y.view(), z.g());
    check_close(y, want);

    for (const store how : {store::set, store::add}) {
        const bool add = how == store::add;
        const auto gx_want = full(ctx, z.x, add ? 0.5 : 0.0);
        const auto gw_want = full(ctx, z.w, add ? 0.5 : 0.0);
        cpu::conv2d_backward_input(ctx, gy64, w64, gx_want.view(), store::add, z.g());
        cpu::conv2d_backward_weight<double>(ctx, x64, gy64, gw_want.view(), store::add, z.g());
        const auto gx = full(ctx, z.x, add ? static_cast<T>(0.5f) : nan);
        const auto gw = full(ctx, z.w, add ? 0.5f : std::numeric_limits<float>::quiet_NaN());
        onednn::conv2d_backward_input<T>(ctx, gy, w, gx.view(), how, z.g());
        onednn::conv2d_backward_weight<T>(ctx, x, gy, gw.view(), how, z.g());
        check_close(gx, gx_want);
        check_close(gw, gw_want);
    }
}

onednn::conv2d_problem
problem(operation op, std::int64_t n, std::int64_t side, std::int64_t c, std::int64_t k) {
    return onednn::problem<float>(op, {{n, side, side, c}}, {{k, 3, 3, c}}, {{n, side, side, k}},
                                  {1, 1, 1});
}

} // namespace

TEST_CASE("onednn winograd: four results of a filter of three taps are what a convolution makes of "
          "them",
          "[onednn]") {
    using namespace onednn::winograd;
    for (std::size_t d = 0; d < points; ++d)
        for (std::size_t tap = 0; tap < taps; ++tap)
            for (std::size_t y = 0; y < tile; ++y) {
                double sum = 0;
                for (std::size_t f = 0; f < points; ++f)
                    sum += static_cast<double>(output_transform[y][f]) *
                           static_cast<double>(kernel_transform[f][tap]) *
                           static_cast<double>(input_transform[f][d]);
                CHECK(std::abs(sum - (y + tap == d ? 1 : 0)) < 1e-6);
            }
}

TEST_CASE("onednn winograd: results and gradients are the reference's, set and added", "[onednn]") {
    for (const int threads : {1, 2, 3}) {
        onednn::context ctx(threads);
        ctx.convolutions = conv2d_algorithm::winograd;
        for (const auto& z : convolutions) {
            check<float>(ctx, z);
            if (onednn::has_bf16())
                check<bf16>(ctx, z);
        }
        for (const auto& [key, steps] : ctx.plans)
            CHECK(key.op == operation::winograd_product);
    }
}

TEMPLATE_TEST_CASE("onednn winograd: batch norm, a residual and ReLU at its end",
                   "[onednn]",
                   float,
                   bf16) {
    using T = TestType;
    if (std::is_same_v<T, bf16> && !onednn::has_bf16())
        return;
    onednn::context ctx(2);
    const convolution z = {{{2, 10, 9, 32}}, {{48, 3, 3, 32}}, 1};
    const auto x = draw<T>(ctx, z.x, "x"), w = draw<T>(ctx, z.w, "w");
    const auto more = draw<T>(ctx, z.y(), "residual");
    const auto weight = draw<float>(ctx, shape<1>{{48}}, "weight");
    const auto bias = draw<float>(ctx, shape<1>{{48}}, "bias");
    const auto mean = draw<float>(ctx, shape<1>{{48}}, "mean");
    const auto variance = full(ctx, shape<1>{{48}}, 2.0f);
    const auto run = [&](auto& on, const weight_stamp& stamp, post after, bool residual, bool b) {
        const auto y = empty<T>(ctx, z.y());
        conv2d_batch_norm_forward(on, x.view(), w.view(), b ? mean.view() : view<float, 1>{},
                                  y.view(), z.g(), stamp,
                                  norm_view<T>{weight, bias, mean, variance, 1e-5, after},
                                  residual ? more.view() : view<T, 4>{});
        return y;
    };
    onednn::context direct(2);
    direct.convolutions = conv2d_algorithm::direct;
    ctx.convolutions = conv2d_algorithm::winograd;
    const auto stamp = weight_stamp::make();
    for (const post after : {post::none, post::relu})
        for (const bool residual : {false, true})
            for (const bool b : {false, true})
                for (const auto& kept : {stamp, weight_stamp()})
                    check_close(run(ctx, kept, after, residual, b),
                                widen(ctx, run(direct, {}, after, residual, b)));

    // What is not finite stays so.
    x.data()[32 * 5 + 3] = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
    const auto y = run(ctx, stamp, post::relu, false, false);
    CHECK(std::isnan(static_cast<float>(y.data()[48 * 5])));
}

TEST_CASE("onednn winograd: it is chosen where it was measured to pay, unless something else is "
          "asked for",
          "[onednn]") {
    using onednn::winograd::is_chosen;
    onednn::context ctx(1);
    const auto forward = operation::conv2d_forward;
    CHECK(is_chosen(ctx, problem(forward, 1, 64, 256, 256)));
    CHECK(is_chosen(ctx, problem(forward, 1, 64, 448, 256)));
    CHECK(is_chosen(ctx, problem(operation::conv2d_backward_input, 16, 8, 512, 1536)));
    CHECK(is_chosen(ctx, problem(operation::conv2d_backward_weight, 16, 8, 512, 1536)));
    // Few tiles pay only where the kernels are there.
    CHECK(!is_chosen(ctx, problem(forward, 2, 8, 256, 256)));
    CHECK(is_chosen(ctx, problem(forward, 2, 8, 256, 256), true));
    CHECK(!is_chosen(ctx, problem(forward, 1, 8, 512, 512), true));
    // A weight's gradient needs filters for every thread.
    onednn::context wide(16);
    CHECK(is_chosen(ctx, problem(operation::conv2d_backward_weight, 16, 64, 64, 64)));
    CHECK(!is_chosen(wide, problem(operation::conv2d_backward_weight, 16, 64, 64, 64)));
    if (onednn::has_bf16() && !onednn::has_amx()) {
        auto half = problem(forward, 1, 64, 256, 256), small = problem(forward, 1, 64, 64, 64);
        half.element = small.element = onednn::data_type<bf16>;
        CHECK(is_chosen(ctx, half));
        CHECK(!is_chosen(ctx, small));
    }

    auto strided = problem(forward, 1, 64, 256, 256), odd = problem(forward, 1, 64, 250, 256);
    strided.g.stride = 2;
    strided.y = {{1, 32, 32, 256}};
    ctx.convolutions = conv2d_algorithm::winograd;
    CHECK(!is_chosen(ctx, strided));
    CHECK(!is_chosen(ctx, odd));
    CHECK(!is_chosen(ctx, problem(forward, 0, 64, 256, 256)));
    CHECK(is_chosen(ctx, problem(forward, 1, 8, 512, 512)));
    ctx.convolutions = conv2d_algorithm::direct;
    CHECK(!is_chosen(ctx, problem(forward, 1, 64, 256, 256)));
}

TEST_CASE("onednn winograd: kept kernels follow the stamp, and a call after the first takes no new "
          "memory",
          "[onednn]") {
    // Of several threads the pool sees how many want scratch at once, which is chance.
    onednn::context ctx(1);
    ctx.convolutions = conv2d_algorithm::winograd;
    const shape<4> dims = {{1, 40, 40, 64}};
    const auto x = full(ctx, dims, 1.0f), w = full(ctx, shape<4>{{64, 3, 3, 64}}, 1.0f);
    const auto y = empty<float>(ctx, dims), gx = empty<float>(ctx, dims);
    const auto gw = empty<float>(ctx, w.dims());
    const auto one = full(ctx, shape<1>{{64}}, 1.0f), zero = full(ctx, shape<1>{{64}}, 0.0f);
    auto stamp = weight_stamp::make();
    const auto run = [&] {
        onednn::conv2d_batch_norm_forward<float>(ctx, x, w, {}, y.view(), {1, 1, 1}, stamp,
                                                 {one, zero, zero, one, 0, post::none}, {});
        const float inside = y.view()(0, 5, 5, 3);
        onednn::conv2d_backward_input<float>(ctx, y, w, gx.view(), store::set, {1, 1, 1});
        onednn::conv2d_backward_weight<float>(ctx, x, x, gw.view(), store::set, {1, 1, 1});
        return std::round(inside);
    };
    CHECK(run() == 576);
    CHECK(run() == 576);
    const auto bytes = ctx.memory->reserved_bytes();
    const auto plans = ctx.plans.size();
    std::fill_n(w.data(), w.size(), 2.0f);
    CHECK(run() == 576); // whoever writes must touch
    stamp.touch();
    CHECK(run() == 1152);
    CHECK(ctx.memory->reserved_bytes() == bytes);
    CHECK(ctx.plans.size() == plans);
    CHECK(ctx.weights.size() == 1);
}

TEST_CASE("onednn winograd: threads on one context get the bits that one gets", "[onednn]") {
    const convolution z = {{{1, 21, 30, 32}}, {{64, 3, 3, 32}}, 1};
    onednn::context ctx(2), alone(2);
    ctx.convolutions = alone.convolutions = conv2d_algorithm::winograd;
    const auto x = draw<float>(ctx, z.x, "x"), w = draw<float>(ctx, z.w, "w");
    const auto one = full(ctx, shape<1>{{64}}, 1.0f), zero = full(ctx, shape<1>{{64}}, 0.0f);
    const auto stamp = weight_stamp::make();
    struct results {
        tensor<float, 4> y, gx, gw;
    };
    const auto run = [&](onednn::context& on) {
        const results r = {empty<float>(on, z.y()), empty<float>(on, z.x), empty<float>(on, z.w)};
        onednn::conv2d_batch_norm_forward<float>(on, x, w, {}, r.y.view(), z.g(), stamp,
                                                 {one, zero, zero, one, 0, post::none}, {});
        onednn::conv2d_backward_input<float>(on, r.y, w, r.gx.view(), store::set, z.g());
        onednn::conv2d_backward_weight<float>(on, x, r.y, r.gw.view(), store::set, z.g());
        return r;
    };
    const auto want = run(alone);
    const auto equal = [](const tensor<float, 4>& a, const tensor<float, 4>& b) {
        return std::equal(a.data(), a.data() + a.size(), b.data());
    };
    std::vector<int> same(4, 1);
    std::vector<std::thread> callers;
    for (auto& each : same)
        callers.emplace_back([&] { // the first of them transform the kernels that are kept
            for (int round = 0; round < 10; ++round) {
                const auto got = run(ctx);
                if (!equal(got.y, want.y) || !equal(got.gx, want.gx) || !equal(got.gw, want.gw))
                    each = 0;
            }
        });
    for (auto& caller : callers)
        caller.join();
    CHECK(same == std::vector<int>{1, 1, 1, 1});
}
