#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/core/philox.hpp>
#include <pfad/onednn.hpp>
#include <pfad/ops/conv2d.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace pfad;

namespace {

template <int R>
tensor<double, R> draw(cpu::context& ctx, const shape<R>& dims, const char* name) {
    auto result = empty<double>(ctx, dims);
    random_stream draws(3, name);
    // Multiples of 2^-20 in [-1, 1], so that float holds them exactly.
    std::generate_n(result.data(), result.size(),
                    [&] { return std::floor(draws.uniform(-1, 1) * 0x1p20) * 0x1p-20; });
    return result;
}

template <class To, class From, int R>
tensor<To, R> convert(cpu::context& ctx, const tensor<From, R>& from) {
    auto result = empty<To>(ctx, from.dims());
    std::transform(from.data(), from.data() + from.size(), result.data(),
                   [](From value) { return static_cast<To>(value); });
    return result;
}

tensor<double, 4> absolute(cpu::context& ctx, const tensor<double, 4>& from) {
    auto result = clone(ctx, from);
    std::for_each_n(result.data(), result.size(), [](double& value) { value = std::abs(value); });
    return result;
}

// A float sum of K products in any order is within u (K + 2) sum |terms|; `terms` is that sum.
void check_sums(const tensor<float, 4>& got,
                const tensor<double, 4>& want,
                const tensor<double, 4>& terms,
                std::int64_t k) {
    const double u = 0x1p-24 * static_cast<double>(k + 2);
    for (std::int64_t i = 0; i < want.size(); ++i) {
        const double gap = std::abs(static_cast<double>(got.data()[i]) - want.data()[i]);
        if (!(gap <= u * terms.data()[i] + 0x1p-126)) {
            INFO("element " << i << ": got " << got.data()[i] << ", want " << want.data()[i]);
            FAIL("outside the bound");
        }
    }
}

struct convolution {
    shape<4> x, w;
    conv2d_geometry g;

    [[nodiscard]] shape<4> y() const {
        return {{x[0], g.output(x[1], w[1]), g.output(x[2], w[2]), w[0]}};
    }
};

void check_forward(onednn::context& ctx, const convolution& z, bool with_bias) {
    const auto x = draw(ctx, z.x, "x"), w = draw(ctx, z.w, "w");
    const auto b = draw(ctx, shape<1>{{z.w[0]}}, "b");
    const auto want = empty<double>(ctx, z.y()), terms = empty<double>(ctx, z.y());
    const auto bias = with_bias ? b.view() : view<double, 1>{};
    cpu::conv2d_forward(ctx, x, w, bias, want.view(), z.g);
    cpu::conv2d_forward(ctx, absolute(ctx, x), absolute(ctx, w), {}, terms.view(), z.g);
    for (std::int64_t i = 0; with_bias && i < terms.size(); ++i)
        terms.data()[i] += std::abs(b.data()[i % z.w[0]]);

    const auto b32 = convert<float>(ctx, b);
    const auto got = full(ctx, z.y(), std::numeric_limits<float>::quiet_NaN());
    conv2d_forward(ctx, convert<float>(ctx, x), convert<float>(ctx, w),
                   with_bias ? b32.view() : view<float, 1>{}, got.view(), z.g);
    check_sums(got, want, terms, z.w[1] * z.w[2] * z.w[3] + 1);
}

// Both gradients, each set over NaN and added to a known value.
void check_backward(onednn::context& ctx, const convolution& z) {
    const auto x = draw(ctx, z.x, "x"), w = draw(ctx, z.w, "w"), gy = draw(ctx, z.y(), "gy");
    const auto x32 = convert<float>(ctx, x), w32 = convert<float>(ctx, w);
    const auto gy32 = convert<float>(ctx, gy);
    for (const store how : {store::set, store::add}) {
        const bool add = how == store::add;
        const double start = add ? 0.5 : 0;
        const float before = add ? 0.5f : std::numeric_limits<float>::quiet_NaN();

        auto want = full(ctx, z.x, start), terms = full(ctx, z.x, start);
        auto got = full(ctx, z.x, before);
        cpu::conv2d_backward_input(ctx, gy, w, want.view(), store::add, z.g);
        cpu::conv2d_backward_input(ctx, absolute(ctx, gy), absolute(ctx, w), terms.view(),
                                   store::add, z.g);
        conv2d_backward_input(ctx, gy32, w32, got.view(), how, z.g);
        check_sums(got, want, terms, z.w[0] * z.w[1] * z.w[2] + 1);

        want = full(ctx, z.w, start), terms = full(ctx, z.w, start);
        got = full(ctx, z.w, before);
        cpu::conv2d_backward_weight<double>(ctx, x, gy, want.view(), store::add, z.g);
        cpu::conv2d_backward_weight<double>(ctx, absolute(ctx, x), absolute(ctx, gy), terms.view(),
                                            store::add, z.g);
        conv2d_backward_weight<float>(ctx, x32, gy32, got.view(), how, z.g);
        check_sums(got, want, terms, z.x[0] * z.y()[1] * z.y()[2] + 1);
    }
}

const std::vector<convolution> convolutions = {
    {{{1, 1, 1, 1}}, {{1, 1, 1, 1}}, {1, 0, 1}},
    {{{3, 1, 1, 37}}, {{5, 1, 1, 37}}, {1, 0, 1}},
    {{{2, 8, 9, 7}}, {{5, 3, 3, 7}}, {1, 1, 1}},
    {{{2, 9, 7, 16}}, {{32, 3, 3, 16}}, {2, 1, 1}},
    {{{1, 13, 11, 3}}, {{17, 7, 7, 3}}, {2, 3, 1}},
    {{{1, 9, 8, 6}}, {{10, 1, 1, 6}}, {2, 0, 1}},
    {{{2, 7, 6, 4}}, {{1, 3, 3, 4}}, {1, 18, 18}}, // only the centre tap meets the input
    {{{1, 16, 15, 20}}, {{18, 3, 3, 20}}, {1, 6, 6}},
    {{{1, 6, 7, 65}}, {{33, 1, 1, 65}}, {1, 0, 1}},
    {{{1, 10, 12, 2}}, {{3, 2, 5, 2}}, {3, 2, 2}},
    {{{2, 5, 5, 8}}, {{8, 1, 5, 8}}, {1, 2, 1}},
    {{{2, 6, 6, 40}}, {{24, 3, 3, 40}}, {1, 0, 1}},
    {{{4, 96, 96, 3}}, {{16, 1, 1, 3}}, {2, 0, 1}}, // beside its memory in oneDNN 2.6, backwards
};

} // namespace

TEST_CASE("onednn conv2d: every function is within the rounding bound of the reference",
          "[onednn]") {
    for (const int threads : {1, 2}) {
        onednn::context ctx(threads);
        for (const auto& z : convolutions) {
            INFO("x " << to_string(z.x) << " w " << to_string(z.w) << " stride " << z.g.stride
                      << " dilation " << z.g.dilation << " threads " << threads);
            check_forward(ctx, z, false);
            check_forward(ctx, z, true);
            check_backward(ctx, z);
        }
    }
}

TEST_CASE("onednn conv2d: the override is found for float, the reference for double", "[onednn]") {
    onednn::context ctx(1);
    tape<onednn::context> t(ctx, mode::eval);
    const auto run = [&](auto zero) {
        using T = decltype(zero);
        parameter<T, 4> w;
        w.value = full(ctx, shape<4>{{2, 3, 3, 4}}, T(1));
        return conv2d(t, maps<T>{full(ctx, shape<4>{{1, 4, 4, 4}}, T(1)), {}}, w,
                      std::optional<parameter<T, 1>>(), {1, 1, 1})
            .value.view()(0, 1, 1, 0);
    };
    CHECK(run(0.0) == 36.0);
    CHECK(ctx.plans.empty());
    CHECK(run(0.0f) == 36.0f);
    CHECK(ctx.plans.size() == 1);
}

TEST_CASE("onednn conv2d: packed weights follow the stamp and nothing else", "[onednn]") {
    onednn::context ctx(2);
    const auto x = full(ctx, shape<4>{{1, 4, 4, 8}}, 1.0f);
    const auto w = full(ctx, shape<4>{{8, 1, 1, 8}}, 1.0f);
    const auto y = empty<float>(ctx, shape<4>{{1, 4, 4, 8}});
    const auto gx = empty<float>(ctx, x.dims());
    auto stamp = weight_stamp::make();
    const auto forward = [&](const weight_stamp& of) {
        conv2d_forward(ctx, x, w, {}, y.view(), {}, of);
        return y.data()[0];
    };
    const auto backward = [&](const weight_stamp& of) {
        conv2d_backward_input(ctx, x, w, gx.view(), store::set, {}, of);
        return gx.data()[0];
    };
    CHECK(forward(stamp) == 8.0f);
    CHECK(backward(stamp) == 8.0f);

    std::fill_n(w.data(), w.size(), 2.0f);
    CHECK(forward(stamp) == 8.0f); // whoever writes must touch
    CHECK(backward(stamp) == 8.0f);
    CHECK(forward({}) == 16.0f); // no stamp, no copy
    stamp.touch();
    CHECK(forward(stamp) == 16.0f);
    CHECK(backward(stamp) == 16.0f);

    std::fill_n(w.data(), w.size(), 3.0f);
    stamp = weight_stamp::make(); // the old stamp's copies are dropped
    CHECK(forward(stamp) == 24.0f);
    CHECK(ctx.weights.size() == 1);
}

TEST_CASE("onednn conv2d: repeated calls take no new memory and make no new primitive",
          "[onednn]") {
    onednn::context ctx(2);
    const convolution z = {{{2, 12, 12, 16}}, {{32, 3, 3, 16}}, {1, 1, 1}};
    const auto x = full(ctx, z.x, 1.0f), w = full(ctx, z.w, 1.0f), gy = full(ctx, z.y(), 1.0f);
    const auto step = [&] {
        const auto y = empty<float>(ctx, z.y());
        conv2d_forward(ctx, x, w, {}, y.view(), z.g);
        const auto gx = full(ctx, z.x, 0.0f), gw = full(ctx, z.w, 0.0f);
        conv2d_backward_input(ctx, gy, w, gx.view(), store::add, z.g);
        conv2d_backward_weight<float>(ctx, x, gy, gw.view(), store::add, z.g);
    };
    step();
    step();
    const auto bytes = ctx.memory->reserved_bytes();
    const auto plans = ctx.plans.size();
    for (int i = 0; i < 5; ++i)
        step();
    CHECK(ctx.memory->reserved_bytes() == bytes);
    CHECK(ctx.plans.size() == plans);
    CHECK(plans == 3);
}

TEST_CASE("onednn conv2d: a failure of oneDNN names the operation and the shapes", "[onednn]") {
    onednn::context ctx(1);
    const auto x = full(ctx, shape<4>{{1, 4, 4, 8}}, 1.0f);
    const auto w = full(ctx, shape<4>{{8, 1, 1, 8}}, 1.0f);
    const auto wrong = empty<float>(ctx, shape<4>{{1, 5, 4, 8}});
    try {
        conv2d_forward(ctx, x, w, {}, wrong.view(), {});
        FAIL("no exception");
    } catch (const error& e) {
        CHECK(e.code() == errc::backend);
        const std::string sentence = e.what();
        CHECK(sentence.find("conv2d_forward of input (1, 4, 4, 8) and weight (8, 1, 1, 8)") !=
              std::string::npos);
    }
    // The context works on.
    conv2d_forward(ctx, x, w, {}, full(ctx, x.dims(), 0.0f).view(), {});
}

TEST_CASE("onednn conv2d: one context serves several threads", "[onednn]") {
    onednn::context ctx(2);
    std::vector<float> sums(3);
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < sums.size(); ++i)
        callers.emplace_back([&, i] {
            const auto x = full(ctx, shape<4>{{1, 5, 5, 8}}, static_cast<float>(i));
            const auto w = full(ctx, shape<4>{{8, 3, 3, 8}}, 1.0f);
            const auto y = empty<float>(ctx, x.dims());
            for (int round = 0; round < 10; ++round)
                conv2d_forward(ctx, x, w, {}, y.view(), {1, 1, 1});
            sums[i] = y.view()(0, 2, 2, 3);
        });
    for (auto& caller : callers)
        caller.join();
    CHECK(sums == std::vector<float>{0.0f, 72.0f, 144.0f});
}

TEST_CASE("onednn conv2d: none of these shapes gets oneDNN's slow reference code", "[onednn]") {
    onednn::context ctx(1);
    ctx.convolutions = onednn::conv2d_algorithm::direct;
    using onednn::operation;
    for (const auto& z : {convolution{{{1, 64, 64, 3}}, {{64, 7, 7, 3}}, {2, 3, 1}},
                          convolution{{{1, 16, 16, 64}}, {{192, 3, 3, 64}}, {1, 1, 1}},
                          convolution{{{1, 16, 16, 64}}, {{128, 3, 3, 64}}, {2, 1, 1}},
                          convolution{{{1, 1, 1, 320}}, {{4, 1, 1, 320}}, {1, 0, 1}},
                          convolution{{{1, 32, 32, 256}}, {{256, 3, 3, 256}}, {1, 18, 18}}})
        for (const auto op : {operation::conv2d_forward, operation::conv2d_backward_input,
                              operation::conv2d_backward_weight}) {
            for (const auto element : {onednn::data_type<float>, onednn::data_type<bf16>}) {
                if (element == onednn::data_type<bf16> && !onednn::has_bf16())
                    continue;
                onednn::conv2d_problem p = {op, element, z.x, z.w, z.y(), false, z.g};
                INFO(to_string(z.w));
                CHECK(onednn::conv2d_implementation(ctx, p).substr(0, 3) != "ref");
                p.bias = p.scaled = true; // with batch norm and ReLU
                p.after = post::relu;
                if (op == operation::conv2d_forward)
                    CHECK(onednn::conv2d_implementation(ctx, p).substr(0, 3) != "ref");
            }
        }
}

TEST_CASE("onednn conv2d: a fused batch norm takes no new memory and makes no new primitive once "
          "its weights are packed",
          "[onednn]") {
    onednn::context ctx(2);
    const convolution z = {{{1, 12, 12, 16}}, {{32, 3, 3, 16}}, {1, 1, 1}};
    const auto x = full(ctx, z.x, 1.0f), w = full(ctx, z.w, 1.0f);
    const auto one = full(ctx, shape<1>{{32}}, 1.0f), variance = full(ctx, shape<1>{{32}}, 1.0f);
    const auto stamp = weight_stamp::make();
    const auto run = [&] {
        const auto y = empty<float>(ctx, z.y());
        conv2d_batch_norm_forward(ctx, x, w, {}, y.view(), z.g, stamp,
                                  norm_view<float>{one, one, one, variance, 0, post::none}, {});
        return y.data()[0]; // of a corner, which sees 4 x 16 inputs: scale (64 - 1) + 1
    };
    CHECK(run() == 64.0f);
    const auto bytes = ctx.memory->reserved_bytes();
    for (int i = 0; i < 5; ++i)
        CHECK(run() == 64.0f);
    CHECK(ctx.memory->reserved_bytes() == bytes);
    CHECK(ctx.plans.size() == 1);
    CHECK(ctx.weights.size() == 1);
    CHECK((ctx.plans.begin()->first.numbers[3] & 1) == 1); // fused, not one op after the other
    for (const float v : {0.25f, 1.0f, 0.25f}) {           // packs again, into the same copy
        std::fill_n(variance.data(), variance.size(), v);
        CHECK(run() == (v == 1 ? 64.0f : 127.0f));
    }
    CHECK(ctx.memory->reserved_bytes() == bytes);
    CHECK(ctx.weights.size() == 1);
}

TEST_CASE("onednn conv2d: what is not finite does not vanish in a fused ReLU", "[onednn]") {
    onednn::context ctx(1);
    const auto x = full(ctx, shape<4>{{1, 2, 2, 16}}, 1.0f);
    const auto w = full(ctx, shape<4>{{16, 1, 1, 16}}, 1.0f);
    const auto y = empty<float>(ctx, x.dims());
    const auto one = full(ctx, shape<1>{{16}}, 1.0f), variance = full(ctx, shape<1>{{16}}, 1.0f);
    const auto run = [&] {
        conv2d_batch_norm_forward(ctx, x, w, {}, y.view(), {}, weight_stamp::make(),
                                  norm_view<float>{one, one, one, variance, 0, post::relu}, {});
    };
    run();
    CHECK(y.data()[3] == 16.0f);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    variance.data()[3] = nan;
    run();
    CHECK(std::isnan(y.data()[3]));
    CHECK(y.data()[4] == 16.0f);
    variance.data()[3] = 1;
    w.data()[16 * 5] = nan;
    CHECK(test::error_code(run) == errc::value);
}
