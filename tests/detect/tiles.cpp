#include "detect/loaded_inspector.hpp"

#include <functional>

using namespace pfad;
using detect::tile_axis;

TEST_CASE("tiles: cover the axis, overlap by a quarter and weigh one", "[detect]") {
    for (const int longest : {1, 32, 64, 67, 256})
        for (const int length : {1, 31, 32, 64, 65, 113, 130, 256, 300, 1000}) {
            const tile_axis axis(length, longest);
            CHECK(axis.side == std::min(length, longest));
            CHECK(axis.starts.front() == 0);
            CHECK(axis.starts.back() + axis.side == length);
            std::vector<double> sum(static_cast<std::size_t>(length));
            for (std::size_t i = 0; i < axis.starts.size(); ++i) {
                if (i > 0)
                    CHECK(axis.starts[i - 1] + axis.side - axis.starts[i] >= axis.side / 4);
                for (int x = 0; x < axis.side; ++x)
                    sum[static_cast<std::size_t>(axis.starts[i] + x)] +=
                        static_cast<double>(axis.weights[i][static_cast<std::size_t>(x)]);
            }
            for (const double s : sum)
                REQUIRE(s == Approx(1).epsilon(1e-6));
        }
}

TEST_CASE("tiles: weights fall linearly over the overlap", "[detect]") {
    const tile_axis axis(112, 64); // two tiles that share 16 pixels
    REQUIRE(axis.starts == std::vector<int>{0, 48});
    for (std::size_t x = 0; x < 64; ++x)
        CHECK(axis.weights[0][x] == Approx(x < 48 ? 1 : 1 - (static_cast<double>(x) - 47.5) / 16));
    CHECK(tile_axis(64, 64).weights == std::vector<std::vector<float>>{std::vector<float>(64, 1)});
    CHECK_THROWS_AS(tile_axis(0, 64), error);
    CHECK_THROWS_AS(tile_axis(64, 0), error);
}

TEST_CASE("tiles: a picture that is one tile has its untiled map", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const auto square = some_picture(64, 64, 3, 1);
    CHECK(same(inspector.inspect_tiles(square), inspector.inspect(square)));
    for (const auto& picture : {some_picture(50, 33, 3, 2), some_picture(64, 20, 1, 3)}) {
        const auto want = inspector.inspect(picture).map;
        const auto found = inspector.inspect_tiles(picture).map;
        REQUIRE(found.dims() == want.dims());
        CHECK(std::equal(want.data(), want.data() + want.size(), found.data()));
    }
    const auto large = some_picture(150, 120, 3, 4);
    const auto want = inspector.inspect(large).map;
    const auto found = inspector.inspect_tiles(large, 150).map;
    CHECK(std::equal(want.data(), want.data() + want.size(), found.data()));
}

TEST_CASE("tiles: maps are blended, the score is that of the whole", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const int w = 150, h = 70, side = 64;
    const auto picture = some_picture(w, h, 3, 6);
    const auto found = inspector.inspect_tiles(picture);
    REQUIRE(found.map.dims() == shape<2>{{h, w}});

    const tile_axis across(w, side), down(h, side);
    REQUIRE(across.starts.size() == 3);
    REQUIRE(down.starts.size() == 2);
    std::vector<double> sum(std::size_t(w * h)), weights(std::size_t(w * h));
    for (const int top : down.starts)
        for (const int left : across.starts) {
            const auto tile = inspector.inspect(picture.view().window(left, top, side, side)).map;
            for (int y = 0; y < side; ++y)
                for (int x = 0; x < side; ++x) {
                    const double weight =
                        (std::min(x, side - 1 - x) + 0.5) * (std::min(y, side - 1 - y) + 0.5);
                    const auto at = std::size_t((top + y) * w + left + x);
                    sum[at] += weight * static_cast<double>(tile.data()[y * side + x]);
                    weights[at] += weight;
                }
        }
    std::vector<float> highest(found.map.data(), found.map.data() + w * h);
    for (std::size_t i = 0; i < sum.size(); ++i)
        REQUIRE(static_cast<double>(highest[i]) == Approx(sum[i] / weights[i]).margin(1e-6));
    std::sort(highest.begin(), highest.end(), std::greater<>());
    double mean = 0;
    for (std::size_t i = 0; i < 100; ++i)
        mean += static_cast<double>(highest[i]) / 100;
    CHECK(found.score == Approx(mean).epsilon(1e-6));
    CHECK(found.defect == (found.score >= inspector.threshold()));
}

TEST_CASE("tiles: a side below 32 is refused", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const auto picture = some_picture(64, 64, 3);
    for (const int side : {-1, 1, 31})
        CHECK(sentence_of(errc::value, [&] { (void)inspector.inspect_tiles(picture, side); }) ==
              "inspect_tiles: a tile's side is at least 32 pixels, or 0");
}
