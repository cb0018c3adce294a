#include "train/small_run.hpp"

#include <thread>

using namespace pfad;

namespace {

// A saved model and the inspector that loads it, made once.
struct loaded_inspector {
    temporary_folder folder;
    std::string path = (folder.path() / "model.safetensors").string();

    loaded_inspector() {
        auto& net = small_network::get();
        save_model(path, net.model, {net.model.options, 64, 0.25, {}});
    }
    static const inspector& get() {
        static loaded_inspector files;
        static const inspector loaded = inspector::load(files.path, 2);
        return loaded;
    }
};

bool same(const inspect::inspection& a, const inspect::inspection& b) {
    return a.score == b.score && a.map.dims() == b.map.dims() &&
           std::equal(a.map.data(), a.map.data() + a.map.size(), b.map.data());
}

} // namespace

TEST_CASE("inspector: finds what the evaluator finds [inspect]") {
    auto& net = small_network::get();
    const auto& inspector = loaded_inspector::get();
    CHECK(inspector.threshold() == 0.25);
    const auto picture = some_picture(64, 64, 3);
    const auto found = inspector.inspect(picture);
    predictor predict(net.ctx, net.model);
    const auto want = predict(data::model_pixels(net.ctx, picture, 64));
    CHECK(found.score == static_cast<double>(want.scores.data()[0]));
    REQUIRE(found.map.dims() == shape<2>{{64, 64}});
    CHECK(std::equal(found.map.data(), found.map.data() + 64 * 64, want.maps.data()));
    CHECK(found.defect == (found.score >= 0.25));
    for (std::int64_t i = 0; i < found.map.size(); ++i)
        REQUIRE((found.map.data()[i] >= 0 && found.map.data()[i] <= 1));
}

TEST_CASE("inspector: the map has the picture's own size [inspect]") {
    const auto& inspector = loaded_inspector::get();
    CHECK(inspector.inspect(some_picture(90, 41, 3)).map.dims() == shape<2>{{41, 90}});
    CHECK(inspector.inspect(some_picture(1, 1, 3)).map.dims() == shape<2>{{1, 1}});
}

TEST_CASE("inspector: grey is RGB with equal channels; rows may be padded [inspect]") {
    const auto& inspector = loaded_inspector::get();
    const auto grey = some_picture(40, 30, 1);
    const auto found = inspector.inspect(grey);
    CHECK(same(found, inspector.inspect(inspect::to_rgb(grey))));

    const int stride = 57;
    std::vector<std::uint8_t> padded(std::size_t(stride) * 30, 201);
    for (int y = 0; y < 30; ++y)
        std::copy_n(grey.view().row(y), 40, padded.data() + y * stride);
    CHECK(same(found, inspector.inspect({padded.data(), 40, 30, 1, stride})));
}

TEST_CASE("inspector: a view without pixels or of another kind is refused [inspect]") {
    const auto& inspector = loaded_inspector::get();
    const auto picture = some_picture(40, 30, 3);
    const auto refused = [&](const picture_view& view) {
        try {
            (void)inspector.inspect(view);
        } catch (const error& e) {
            return e.code() == errc::value;
        }
        return false;
    };
    CHECK(refused({}));
    CHECK(refused({nullptr, 40, 30, 3, 120}));
    CHECK(refused({picture.pixels.data(), 0, 30, 3, 120}));
    CHECK(refused({picture.pixels.data(), 40, -1, 3, 120}));
    CHECK(refused({picture.pixels.data(), 40, 30, 3, 119}));
    CHECK(refused({picture.pixels.data(), 40, 30, 2, 120}));
    CHECK(refused({picture.pixels.data(), 30, 30, 4, 120}));
}

TEST_CASE("inspector: two threads get the bits that one gets [inspect]") {
    const auto& inspector = loaded_inspector::get();
    const image_u8 pictures[] = {some_picture(64, 64, 3, 1), some_picture(50, 70, 1, 2)};
    const inspect::inspection want[] = {inspector.inspect(pictures[0]),
                                        inspector.inspect(pictures[1])};
    int wrong[2] = {};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i)
            threads.emplace_back([&, i] {
                for (int round = 0; round < 5; ++round)
                    wrong[i] += !same(want[i], inspector.inspect(pictures[i]));
            });
    }
    CHECK(wrong[0] == 0);
    CHECK(wrong[1] == 0);
}

TEST_CASE("inspector: the threshold can be overridden within its range [inspect]") {
    auto& net = small_network::get();
    const temporary_folder folder;
    const auto path = (folder.path() / "model.safetensors").string();
    save_model(path, net.model, {net.model.options, 64, 0.25, {}});
    auto own = inspector::load(path, 1);
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
