#include "support/catch.hpp"
#include "support/compare.hpp"

#include <pfad/cpu/context.hpp>
#include <pfad/detect/predictor.hpp>
#include <pfad/detectors/pfadseg.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

using namespace pfad;
using namespace pfad::test;

namespace {

/// Patches of one colour with some noise: on noise alone features, and so the map, hardly differ
/// from place to place.
tensor<std::uint8_t, 4> pictures(cpu::context& ctx, std::int64_t side) {
    const shape<4> dims = {{2, side, side, 3}};
    const auto colours = random_array(shape<4>{{2, side / 8, side / 8, 3}}, "colours", 0, 255);
    const auto noise = random_array(dims, "noise", 0, 255);
    auto pixels = empty<std::uint8_t>(ctx, dims);
    for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t i = 0; i < side; ++i)
            for (std::int64_t j = 0; j < side; ++j)
                for (std::int64_t k = 0; k < 3; ++k)
                    pixels.view()(n, i, j, k) = static_cast<std::uint8_t>(
                        0.8 * colours(n, i / 8, j / 8, k) + 0.2 * noise(n, i, j, k));
    return pixels;
}

/// Scales the last layer so that the logits of `x` go from -4 to 4.
void stretch(cpu::context& ctx, pfadseg<float>& m, const tensor<std::uint8_t, 4>& x) {
    tape<cpu::context> t(ctx, mode::eval);
    const auto logits = m.logits(t, constant(normalise_image<float>(ctx, x))).value;
    const auto [low, high] = std::minmax_element(logits.data(), logits.data() + logits.size());
    const float scale = 8 / (*high - *low), middle = (*high + *low) / 2;
    float& bias = elements(*m.segmentation.out.bias)[0];
    bias = (bias - middle) * scale;
    for (float& w : elements(m.segmentation.out.weight))
        w *= scale;
}

/// What bf16 rounds of a network.
void round_weights(pfadseg<float>& m) {
    visit_parameters(m, "", []<int R>(const std::string&, parameter<float, R>& p) {
        if constexpr (R > 1)
            for (float& w : elements(p))
                w = static_cast<float>(bf16(w));
    });
}

std::vector<double> map_of(const prediction<host>& found) {
    return {found.maps.data(), found.maps.data() + found.maps.size()};
}

/// The root of the mean square of the differences.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum / static_cast<double>(a.size()));
}

void check_bf16(pfadseg_options options) {
    cpu::context ctx(2);
    pfadseg<float> m(ctx, options);
    m.initialise(7);
    const auto x = pictures(ctx, 32);
    stretch(ctx, m, x);
    predictor<cpu::context, pfadseg> predict(ctx, m);
    predictor<cpu::context, pfadseg, bf16> coarse(ctx, m);
    const auto exact = predict(x), found = coarse(x);

    network_copy<pfadseg, bf16, cpu::context> network(ctx, m);
    int shared = 0, rounded = 0;
    visit_pairs(m, network.get(), [&]<class P, class Q>(P& from, Q& to) {
        if constexpr (std::is_same_v<P, Q>)
            shared += from.value.data() == to.value.data();
        else
            rounded += to.value.data()[0].bits == bf16(from.value.data()[0]).bits;
    });
    int vectors = 0, weights = 0;
    visit(m, "", [&](const std::string&, auto& p) {
        ++(std::remove_cvref_t<decltype(p.value)>::rank == 1 ? vectors : weights);
    });
    CHECK(shared == vectors);
    CHECK(rounded == weights);

    round_weights(m);
    const auto want = map_of(exact), got = map_of(found);
    const double moved = distance(want, map_of(predict(x)));
    double mean = 0;
    for (const double value : want)
        mean += value / static_cast<double>(want.size());
    const double size = distance(want, std::vector<double>(want.size(), mean));
    // A layer in bf16 rounds its weights and, independently, at most three times the image: the
    // convolution's result, its normalisation and a sum. Each moves the map about as far as the
    // rounded weights alone do in float, so all of them twice as far; and twice that, since all of
    // this is chance. The map itself is rounded to steps of up to 2^-8.
    const double allowed = 4 * moved + 0x1p-9;
    INFO("off " << distance(want, got) << ", allowed " << allowed << ", size " << size);
    CHECK(distance(want, got) <= allowed);
    // Else the check would be blind: an unrelated map would be sqrt 2 sizes away.
    CHECK(allowed < size / std::sqrt(2));
    for (std::int64_t i = 0; i < found.scores.size(); ++i)
        CHECK(std::abs(found.scores.data()[i] - exact.scores.data()[i]) <= allowed);
}

} // namespace

TEST_CASE("network_copy: PFADSeg in bf16 gives the map of float within its rounding",
          "[detectors]") {
    check_bf16({});
}

TEST_CASE("network_copy: DeSTSeg in bf16 gives the map of float within its rounding",
          "[detectors]") {
    check_bf16({.rcm = false, .aff = false, .pcar = false});
}
