#include "detect/loaded_inspector.hpp"

#include <limits>
#include <thread>

using namespace pfad;

TEST_CASE("inspector: finds what the evaluator finds", "[detect]") {
    auto& net = small_network::get();
    const auto& inspector = loaded_inspector::get();
    CHECK(inspector.threshold() == 0.25);
    const auto picture = some_picture(64, 64, 3);
    const auto found = inspector.inspect(picture);
    predictor<context, pfadseg> predict(net.ctx, net.model);
    const auto want = predict(detect::model_pixels(net.ctx, picture, 64));
    CHECK(found.score == static_cast<double>(want.scores.data()[0]));
    REQUIRE(found.map.dims() == shape<2>{{64, 64}});
    CHECK(std::equal(found.map.data(), found.map.data() + 64 * 64, want.maps.data()));
    CHECK(found.defect == (found.score >= 0.25));
    for (std::int64_t i = 0; i < found.map.size(); ++i)
        REQUIRE((found.map.data()[i] >= 0 && found.map.data()[i] <= 1));
}

TEST_CASE("inspector: the map has the picture's own size", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    CHECK(inspector.inspect(some_picture(90, 41, 3)).map.dims() == shape<2>{{41, 90}});
    CHECK(inspector.inspect(some_picture(1, 1, 3)).map.dims() == shape<2>{{1, 1}});
}

TEST_CASE("inspector: grey is RGB with equal channels; rows may be padded", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const auto grey = some_picture(40, 30, 1);
    const auto found = inspector.inspect(grey);
    CHECK(same(found, inspector.inspect(report::to_rgb(grey))));

    const int stride = 57;
    std::vector<std::uint8_t> padded(std::size_t(stride) * 30, 201);
    for (int y = 0; y < 30; ++y)
        std::copy_n(grey.view().row(y), 40, padded.data() + y * stride);
    CHECK(same(found, inspector.inspect({padded.data(), 40, 30, 1, stride})));
}

TEST_CASE("inspector: BGR, alpha and 16 bits are inspected where they lie", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const int w = 40, h = 30;
    const auto rgb = some_picture(w, h, 3);
    const auto want = inspector.inspect(rgb);
    std::vector<std::uint8_t> bgr, rgba, bgra;
    std::vector<std::uint16_t> wide, of_12_bits;
    for (std::size_t i = 0; i < rgb.pixels.size(); i += 3) {
        const auto* const p = rgb.pixels.data() + i;
        bgr.insert(bgr.end(), {p[2], p[1], p[0]});
        rgba.insert(rgba.end(), {p[0], p[1], p[2], 17});
        bgra.insert(bgra.end(), {p[2], p[1], p[0], 99});
        for (const int c : {2, 1, 0}) {
            wide.push_back(static_cast<std::uint16_t>(p[c] * 256 + (i + 201) % 256));
            of_12_bits.push_back(static_cast<std::uint16_t>(p[c] * 16 + i % 16));
        }
    }
    const picture_view views[] = {{bgr.data(), w, h, pixel_format::bgr, 3 * w},
                                  {rgba.data(), w, h, pixel_format::rgba, 4 * w},
                                  {rgba.data(), w, h, 4, 4 * w},
                                  {bgra.data(), w, h, pixel_format::bgra, 4 * w},
                                  {wide.data(), w, h, pixel_format::bgr, 6 * w},
                                  {of_12_bits.data(), w, h, pixel_format::bgr, 6 * w, 12}};
    for (const auto& view : views)
        CHECK(same(want, inspector.inspect(view)));
}

TEST_CASE("inspector: what is no picture is refused in one sentence", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const auto picture = some_picture(40, 30, 3);
    const auto* const p = picture.pixels.data();
    const std::uint8_t* const none = nullptr;
    constexpr auto most = std::numeric_limits<std::ptrdiff_t>::max();
    constexpr int longest = std::numeric_limits<int>::max();
    const std::vector<std::uint16_t> wide(4);
    picture_view few_bits(wide.data(), 2, 2, pixel_format::grey, 4);
    few_bits.bits = 7;
    const std::pair<picture_view, std::string> cases[] = {
        {{}, "inspect: the picture's pointer is null"},
        {{none, 40, 30, 3, 120}, "inspect: the picture's pointer is null"},
        {{p, 0, 30, 3, 120}, "inspect: the picture is 0x30, but both sides must be at least 1"},
        {{p, 40, -1, 3, 120}, "inspect: the picture is 40x-1, but both sides must be at least 1"},
        {{p, 40, 30, 3, 119},
         "inspect: the picture's stride of 119 bytes is shorter than its row of 120"},
        {{p, 40, 30, pixel_format::bgra, -160},
         "inspect: the picture's stride of -160 bytes is shorter than its row of 160"},
        {{wide.data(), 2, 2, pixel_format::grey, 3},
         "inspect: the picture's stride of 3 bytes is shorter than its row of 4"},
        {few_bits, "inspect: the picture has 7 bits a sample, not 8 to 16"},
        {{p, 40, 30, 3, most / 30 + 1}, "inspect: the picture's size in bytes exceeds 64 bits"},
        {{p, longest, longest, 1, longest}, "inspect: the picture's size in bytes exceeds 64 bits"},
    };
    for (const auto& refused : cases) {
        const picture_view& view = refused.first;
        const std::string& sentence = refused.second;
        CHECK(sentence_of(errc::value, [&] { (void)inspector.inspect(view); }) == sentence);
        const picture_view two[] = {picture, view};
        const auto in_batch = sentence_of(errc::value, [&] { (void)inspector.inspect(two); });
        CHECK(in_batch == "inspect, picture 1" + sentence.substr(7));
        const auto in_tiles =
            sentence_of(errc::value, [&] { (void)inspector.inspect_tiles(view); });
        CHECK(in_tiles == "inspect_tiles" + sentence.substr(7));
    }
    CHECK(sentence_of(errc::value, [&] {
              (void)inspector.inspect({p, 40, 30, 2, 80});
          }) == "picture_view: a picture has 1, 3 or 4 channels, not 2");
}

TEST_CASE("inspector: mask and regions are the map's at the threshold", "[detect]") {
    auto own = inspector::load(loaded_inspector::path(), {.threads = 1});
    const auto picture = some_picture(90, 70, 3, 5);
    const auto map = own.inspect(picture).map;
    std::vector<float> values(map.data(), map.data() + map.size());
    std::nth_element(values.begin(), values.begin() + 3 * 90 * 70 / 4, values.end());
    own.set_threshold(static_cast<double>(values[3 * 90 * 70 / 4]));
    const auto found = own.inspect(picture);
    REQUIRE(found.mask.dims() == map.dims());
    std::int64_t above = 0;
    for (std::int64_t i = 0; i < map.size(); ++i) {
        const bool reached = static_cast<double>(map.data()[i]) >= own.threshold();
        REQUIRE(found.mask.data()[i] == (reached ? 1 : 0));
        above += reached;
    }
    std::int64_t area = 0;
    for (const auto& region : found.regions) {
        area += region.area;
        CHECK(region.left + region.width <= 90);
        CHECK(region.top + region.height <= 70);
        CHECK(region.mean >= own.threshold());
        CHECK(region.peak >= region.mean);
    }
    CHECK(area == above);
    CHECK(area > 0);
    own.set_threshold(1);
    CHECK(own.inspect(picture).regions.empty());
}

TEST_CASE("inspector: a batch has the bits of its pictures one by one", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    const image_u8 pictures[] = {some_picture(64, 64, 3, 1), some_picture(50, 70, 1, 2),
                                 some_picture(33, 20, 3, 3)};
    const std::vector<picture_view> views(std::begin(pictures), std::end(pictures));
    const auto found = inspector.inspect(views);
    REQUIRE(found.size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(same(found[i], inspector.inspect(pictures[i])));
    CHECK(inspector.inspect(std::span<const picture_view>()).empty());
}

TEST_CASE("inspector: eight threads get the bits that one gets", "[detect]") {
    const auto& inspector = loaded_inspector::get();
    constexpr std::size_t count = 8;
    std::vector<image_u8> pictures;
    std::vector<detect::inspection> want;
    for (std::size_t i = 0; i < count; ++i) {
        const int more = static_cast<int>(i);
        pictures.push_back(some_picture(64 + more, 64, i % 2 ? 1 : 3, more));
        want.push_back(i % 4 == 3 ? inspector.inspect_tiles(pictures[i])
                                  : inspector.inspect(pictures[i]));
    }
    int wrong[count] = {};
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i)
            threads.emplace_back([&, i] {
                for (int round = 0; round < 3; ++round)
                    wrong[i] += !same(want[i], i % 4 == 3 ? inspector.inspect_tiles(pictures[i])
                                                          : inspector.inspect(pictures[i]));
            });
    }
    for (const int failures : wrong)
        CHECK(failures == 0);
}

TEST_CASE("inspector: the threshold can be overridden within its range", "[detect]") {
    auto& net = small_network::get();
    const temporary_folder folder;
    const auto path = (folder.path() / "model.safetensors").string();
    save_model(path, net.model, {"pfadseg", 64, 0.25, {}});
    auto own = inspector::load(path, {.threads = 1});
    const auto picture = some_picture(32, 32, 3);
    own.set_threshold(1e-9);
    CHECK(own.inspect(picture).defect);
    own.set_threshold(1);
    CHECK_FALSE(own.inspect(picture).defect);
    for (const double bad : {0.0, -0.5, 1.5, std::nan("")})
        CHECK_THROWS_AS(own.set_threshold(bad), error);
    CHECK(own.threshold() == 1);
    CHECK(
        contains(sentence_of([&] { (void)inspector::load(path + "x"); }), "there is no such file"));
}

TEST_CASE("inspector: scores between two thresholds are unsure", "[detect]") {
    auto& net = small_network::get();
    const temporary_folder folder;
    const auto path = (folder.path() / "model.safetensors").string();
    const auto picture = some_picture(32, 32, 3);
    const double score = loaded_inspector::get().inspect(picture).score;
    REQUIRE(score > 0);
    save_model(path, net.model,
               {.method = "pfadseg", .size = 64, .threshold = 1, .unsure_threshold = score});
    auto own = inspector::load(path, {.threads = 1});
    CHECK(own.unsure_threshold() == score);
    CHECK(own.inspect(picture).unsure);
    CHECK_FALSE(own.inspect(picture).defect);
    own.set_threshold(score); // a defect, and so not unsure
    CHECK(own.inspect(picture).defect);
    CHECK_FALSE(own.inspect(picture).unsure);
    own.set_threshold(1);
    own.set_unsure_threshold(std::nextafter(score, 1.0));
    CHECK_FALSE(own.inspect(picture).unsure);
    own.set_unsure_threshold(0);
    CHECK_FALSE(own.inspect(picture).unsure);
    for (const double bad : {-0.5, 1.5, std::nan("")})
        CHECK_THROWS_AS(own.set_unsure_threshold(bad), error);
    CHECK_FALSE(loaded_inspector::get().inspect(picture).unsure); // there is none in its file
}

TEST_CASE("inspector: a file from before there were several methods keeps its scores", "[detect]") {
    auto& net = small_network::get();
    const temporary_folder folder;
    const auto path = folder / "old.safetensors";
    save_safetensors(path, to_state_dict(net.model),
                     {{"format", "pfadseg"},
                      {"version", "1"},
                      {"rcm", "off"},
                      {"aff", "off"},
                      {"pcar", "off"},
                      {"plain_decoder", "off"},
                      {"rcm_band", "11"},
                      {"rcm_mlp_ratio", "2"},
                      {"size", "64"},
                      {"threshold", "0.25"},
                      {"preprocessing", "as it was"}});
    const auto old = pfad::inspector::load(path, {.threads = 2});
    std::vector<std::uint8_t> pixels(std::size_t{70} * 50 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i)
        pixels[i] = static_cast<std::uint8_t>(i * i / 7 + i);
    const auto found = old.inspect({pixels.data(), 70, 50, 3, 70 * 3});
    // Computed before the change; processors differ by rounding.
    CHECK(found.score == Approx(0.493775934).margin(2e-6));
    CHECK(found.map.data()[0] == Approx(0.493646681).margin(2e-6));
    CHECK(found.map.data()[3499] == Approx(0.493655682).margin(2e-6));
}
