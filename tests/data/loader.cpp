#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/batches/perlin.hpp>
#include <pfad/data/loader.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

using namespace pfad;
using namespace pfad::data;

namespace {

struct small_set {
    picture_folder folder;
    std::vector<std::filesystem::path> pictures, textures;

    small_set() {
        for (int i = 0; i < 7; ++i)
            pictures.push_back(
                folder.picture("good/" + std::to_string(i) + ".png", some_picture(16, 16, 3, i)));
        textures.push_back(folder.picture("texture.png", some_picture(30, 20, 3, 100)));
    }
};

template <class T, int R>
bool same(const tensor<T, R>& a, const tensor<T, R>& b) {
    return a.dims() == b.dims() && std::equal(a.data(), a.data() + a.size(), b.data());
}

using batch = training_batch<data::perlin>;

bool same(const batch& a, const batch& b) {
    cpu::context ctx(1);
    const auto x = data::perlin{}.pictures<float>(ctx, a.arrays),
               y = data::perlin{}.pictures<float>(ctx, b.arrays);
    return a.iteration == b.iteration && same(a.arrays.good, b.arrays.good) &&
           same(a.arrays.texture, b.arrays.texture) && same(x.clean, y.clean) &&
           same(x.corrupted, y.corrupted) && same(x.mask, y.mask);
}

// A loader with pictures of its own.
class set_loader {
public:
    set_loader(const std::vector<std::filesystem::path>& pictures,
               const std::vector<std::filesystem::path>& textures,
               const sampler_options& samples,
               const loader_options& options = {})
        : sampler_(pictures, textures, samples), loader_(sampler_, data::perlin(), options) {}
    batch next() { return loader_.next(); }

private:
    sampler sampler_;
    loader<data::perlin> loader_;
};

const sampler_options options = {.size = 16, .batch = 3, .seed = 5, .rotate = rotation::full};

} // namespace

TEST_CASE("loader: the same batches from any number of threads and any lead", "[data]") {
    const small_set set;
    set_loader one(set.pictures, set.textures, options, {.threads = 1, .ahead = 1});
    set_loader many(set.pictures, set.textures, options, {.threads = 5, .ahead = 3});
    for (int iteration = 0; iteration < 25; ++iteration) {
        const auto a = one.next();
        CHECK(a.iteration == iteration);
        CHECK(a.arrays.good.dims() == shape<4>{3, 16, 16, 3});
        CHECK(a.arrays.draws.dims() == shape<1>{3});
        CHECK(same(a, many.next()));
    }
}

TEST_CASE("loader: a batch holds the sampler's samples", "[data]") {
    const small_set set;
    const sampler samples(set.pictures, set.textures, options);
    sampler::scratch work(samples);
    cpu::context ctx(1);
    const auto want = empty_batch<data::perlin>(ctx, 3, 16, 1);
    for (int index = 0; index < 3; ++index)
        data::perlin().make(samples, 1, index, work, want.arrays);
    set_loader batches(set.pictures, set.textures, options, {.threads = 2});
    (void)batches.next();
    CHECK(same(batches.next(), want));
}

TEST_CASE("loader: a resumed run gets the batches of the whole run", "[data]") {
    const small_set set;
    set_loader whole(set.pictures, set.textures, options);
    set_loader rest(set.pictures, set.textures, options, {.threads = 2, .first_iteration = 6});
    for (int iteration = 0; iteration < 6; ++iteration)
        (void)whole.next();
    for (int iteration = 6; iteration < 12; ++iteration)
        CHECK(same(whole.next(), rest.next()));
}

TEST_CASE("loader: batches that are kept stay as they were", "[data]") {
    const small_set set;
    set_loader batches(set.pictures, set.textures, options, {.threads = 3, .ahead = 2});
    set_loader again(set.pictures, set.textures, options);
    std::vector<batch> kept;
    for (int iteration = 0; iteration < 10; ++iteration)
        kept.push_back(batches.next());
    for (const auto& one : kept)
        CHECK(same(one, again.next()));
}

TEST_CASE("loader: a batch outlives its loader", "[data]") {
    const small_set set;
    batch kept;
    {
        set_loader batches(set.pictures, set.textures, options);
        kept = batches.next();
    }
    set_loader again(set.pictures, set.textures, options);
    CHECK(same(kept, again.next()));
}

TEST_CASE("loader: can be destroyed at any time", "[data]") {
    const small_set set;
    for (int taken = 0; taken < 6; ++taken) {
        set_loader batches(set.pictures, set.textures, options, {.threads = 4, .ahead = 2});
        for (int i = 0; i < taken; ++i)
            (void)batches.next();
    }
}

TEST_CASE("loader: a bad file is named before the first batch", "[data]") {
    small_set set;
    set.pictures[2] = set.folder.text("good/2.png");
    CHECK(contains(sentence_of([&] { set_loader l(set.pictures, set.textures, options); }),
                   set.pictures[2].string()));
    set.pictures.erase(set.pictures.begin() + 2);
    set.textures.push_back(set.folder.text("bad_texture.png"));
    CHECK(contains(sentence_of([&] { set_loader l(set.pictures, set.textures, options); }),
                   "bad_texture.png"));
}

TEST_CASE("loader: a picture cut short is named before the first batch", "[data]") {
    const small_set set;
    std::filesystem::resize_file(set.pictures[4], std::filesystem::file_size(set.pictures[4]) / 2);
    const auto said = sentence_of([&] { set_loader l(set.pictures, set.textures, options); });
    CHECK(contains(said, set.pictures[4].string()));
    CHECK(contains(said, "truncated"));
}

TEST_CASE("loader: a file that vanishes during training is named by next()", "[data]") {
    const small_set set;
    sampler_options uncached = options;
    uncached.picture_bytes = 0;
    set_loader batches(set.pictures, set.textures, uncached, {.threads = 3, .ahead = 2});
    (void)batches.next();
    for (const auto& path : set.pictures)
        std::filesystem::remove(path);
    const auto said = sentence_of([&] {
        for (int i = 0; i < 10; ++i)
            (void)batches.next();
    });
    CHECK(contains(said, (set.folder.path() / "good").string()));
    CHECK(sentence_of([&] { (void)batches.next(); }) == said);
}

TEST_CASE("loader: options out of range are refused", "[data]") {
    const small_set set;
    const auto refused = [&](const loader_options& lead) {
        return !sentence_of([&] {
                    set_loader l(set.pictures, set.textures, options, lead);
                }).empty();
    };
    CHECK(refused({.threads = 0}));
    CHECK(refused({.ahead = 0}));
    CHECK(refused({.first_iteration = -1}));
    CHECK(contains(sentence_of([&] { set_loader l(set.pictures, {}, options); }),
                   "there are textures to paint anomalies with"));
}
