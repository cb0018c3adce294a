#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/batches/batch.hpp>
#include <pfad/data/batches/clean.hpp>
#include <pfad/data/batches/perlin.hpp>
#include <pfad/data/sampler.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

using namespace pfad;
using namespace pfad::data;

namespace {

struct small_set {
    picture_folder folder;
    std::vector<std::filesystem::path> pictures, textures;

    explicit small_set(int count = 5) {
        for (int i = 0; i < count; ++i)
            pictures.push_back(
                folder.picture("good/" + std::to_string(i) + ".png", some_picture(16, 16, 3, i)));
        for (int i = 0; i < 3; ++i)
            textures.push_back(folder.picture("textures/" + std::to_string(i) + ".png",
                                              some_picture(30, 20, 3, 100 + i)));
    }
};

// Sample `index` of a batch, alone.
struct made_sample : corrupted_pictures<float> {
    made_sample(const sampler& from,
                sampler::scratch& work,
                std::int64_t iteration,
                int index,
                const data::perlin& recipe = {}) {
        cpu::context ctx(1);
        const std::int64_t n = from.options().batch, size = from.options().size;
        const auto batch = data::perlin::empty(ctx, n, size);
        recipe.make(from, iteration, index, work, batch);
        const shape<4> picture = {1, size, size, 3};
        const std::int64_t at = index * picture.size();
        static_cast<corrupted_pictures&>(*this) = recipe.pictures<float>(
            ctx, data::perlin::arrays<>{
                     batch.good.slice(at, picture), batch.texture.slice(at, picture),
                     batch.jitters.slice(index, shape<1>{1}), batch.draws.slice(index, shape<1>{1}),
                     batch.angles.slice(index * lattice_capacity, shape<2>{1, lattice_capacity})});
    }
    bool operator==(const made_sample& other) const {
        return std::equal(clean.data(), clean.data() + clean.size(), other.clean.data()) &&
               std::equal(corrupted.data(), corrupted.data() + clean.size(),
                          other.corrupted.data()) &&
               std::equal(mask.data(), mask.data() + mask.size(), other.mask.data());
    }
};

} // namespace

TEST_CASE("epoch_order: an epoch shows every picture once, the remainder is dropped", "[data]") {
    epoch_order order(1, 10, 4);
    std::vector<std::vector<int>> epochs;
    for (int epoch = 0; epoch < 50; ++epoch) {
        std::vector<int> seen;
        for (int iteration = 2 * epoch; iteration < 2 * epoch + 2; ++iteration)
            for (int index = 0; index < 4; ++index)
                seen.push_back(order.picture(iteration, index));
        CHECK(std::set<int>(seen.begin(), seen.end()).size() == 8);
        epochs.push_back(seen);
    }
    CHECK(epochs[0] != epochs[1]);
    int counts[10] = {};
    for (const auto& epoch : epochs)
        for (const int picture : epoch)
            ++counts[picture];
    for (const int count : counts)
        CHECK((count > 25 && count <= 50)); // 40 each on average
}

TEST_CASE("epoch_order: fewer pictures than a batch has places are all used equally", "[data]") {
    epoch_order order(1, 3, 8);
    int counts[3] = {};
    for (int iteration = 0; iteration < 9; ++iteration)
        for (int index = 0; index < 8; ++index)
            ++counts[order.picture(iteration, index)];
    CHECK((counts[0] == 24 && counts[1] == 24 && counts[2] == 24));
}

TEST_CASE("epoch_order: places may be asked for in any order", "[data]") {
    epoch_order forward(7, 6, 2), backward(7, 6, 2), other(8, 6, 2);
    std::vector<int> a, b, c;
    for (int iteration = 0; iteration < 30; ++iteration) {
        a.push_back(forward.picture(iteration, 1));
        b.push_back(backward.picture(29 - iteration, 1));
        c.push_back(other.picture(iteration, 1));
    }
    std::reverse(b.begin(), b.end());
    CHECK(a == b);
    CHECK(a != c);
}

TEST_CASE("sampler: light and place vary in front of the anomaly, which stays as it is", "[data]") {
    const small_set set;
    const sampler from(set.pictures, set.textures, {.size = 24, .batch = 2, .seed = 11});
    sampler::scratch work(from);
    const made_sample plain(from, work, 3, 1);
    for (const auto kind : {jitter::slight, jitter::strong}) {
        const made_sample varied(from, work, 3, 1, {.jitter = kind});
        CHECK(varied == made_sample(from, work, 3, 1, {.jitter = kind}));
        CHECK_FALSE(std::equal(plain.clean.data(), plain.clean.data() + plain.clean.size(),
                               varied.clean.data()));
        CHECK(std::equal(plain.mask.data(), plain.mask.data() + plain.mask.size(),
                         varied.mask.data()));
        // Both networks see the varied picture.
        std::int64_t outside = 0;
        for (std::int64_t i = 0; i < varied.mask.size(); ++i)
            if (varied.mask.data()[i] == 0) {
                ++outside;
                CHECK(varied.corrupted.data()[3 * i] == varied.clean.data()[3 * i]);
            }
        CHECK((outside > 0 && outside < varied.mask.size()));
    }
}

TEST_CASE("sampler: a sample depends on seed, iteration and index alone", "[data]") {
    const small_set set;
    sampler_options options{.size = 24, .batch = 4, .seed = 11, .rotate = rotation::full};
    const sampler first(set.pictures, set.textures, options);
    options.picture_bytes = 0;
    options.texture_bytes = 24 * 24 * 3;
    const sampler second(set.pictures, set.textures, options);
    sampler::scratch a(first), b(second);
    const made_sample kept(first, a, 3, 2);
    (void)made_sample(second, b, 40, 0);
    CHECK(made_sample(second, b, 3, 2) == kept);
    CHECK_FALSE(made_sample(first, a, 3, 1) == kept);
    CHECK_FALSE(made_sample(first, a, 2, 2) == kept);
    options.seed = 12;
    const sampler third(set.pictures, set.textures, options);
    sampler::scratch c(third);
    CHECK_FALSE(made_sample(third, c, 3, 2) == kept);
}

TEST_CASE("sampler: without rotation the clean sample is the picture, normalised", "[data]") {
    const small_set set;
    const sampler samples(set.pictures, set.textures, {.size = 16, .batch = 4});
    sampler::scratch work(samples);
    const made_sample made(samples, work, 5, 1);
    const auto picture =
        read_picture(set.pictures[static_cast<std::size_t>(work.order.picture(5, 1))]);
    for (std::int64_t i = 0; i < made.clean.size(); ++i) {
        const auto k = static_cast<std::size_t>(i % 3);
        const float want =
            (static_cast<float>(picture.pixels[static_cast<std::size_t>(i)]) / 255.0f -
             imagenet_statistics.mean[k]) /
            imagenet_statistics.deviation[k];
        CHECK(made.clean.data()[i] == want);
    }
}

TEST_CASE("sampler: the corrupted sample differs from the clean one inside the mask only",
          "[data]") {
    const small_set set;
    const sampler samples(set.pictures, set.textures,
                          {.size = 32, .batch = 4, .rotate = rotation::slight});
    sampler::scratch work(samples);
    int inside = 0, changed = 0;
    for (int iteration = 0; iteration < 20; ++iteration) {
        const made_sample made(samples, work, iteration, 0);
        for (std::int64_t i = 0; i < made.clean.size(); ++i) {
            const float mask = made.mask.data()[i / 3];
            REQUIRE((mask == 0.0f || mask == 1.0f));
            const bool differs = made.clean.data()[i] != made.corrupted.data()[i];
            if (mask == 0.0f)
                REQUIRE_FALSE(differs);
            inside += mask == 1.0f;
            changed += differs;
        }
    }
    CHECK(inside > 500);
    CHECK(changed > inside * 9 / 10);
}

TEST_CASE("sampler: options out of range are refused", "[data]") {
    const small_set set;
    const auto refused = [&](const sampler_options& options) {
        return !sentence_of([&] { const sampler s(set.pictures, set.textures, options); }).empty();
    };
    CHECK_FALSE(refused({.size = 16, .batch = 1}));
    CHECK(refused({.size = 0}));
    CHECK(refused({.size = 16, .batch = 0}));
    CHECK(refused({.size = 16, .decode_threads = 0}));
}

TEST_CASE("clean: a sample is the good picture, turned; textures are not needed", "[data]") {
    const small_set set;
    const sampler_options options{.size = 16, .batch = 3, .seed = 4, .rotate = rotation::full};
    const sampler samples(set.pictures, {}, options);
    CHECK(samples.texture_count() == 0);
    sampler::scratch work(samples), again(samples);
    cpu::context ctx(1);
    const auto batch = clean::empty(ctx, 3, 16), other = clean::empty(ctx, 3, 16);
    for (int index = 0; index < 3; ++index) {
        clean().make(samples, 7, index, work, batch);
        clean().make(samples, 7, index, again, other);
        random_stream random = samples.stream(7, index);
        const auto turn = draw_rotation(rotation::full, random);
        const auto want = empty<std::uint8_t>(ctx, shape<4>{3, 16, 16, 3});
        samples.good_into(work.order.picture(7, index), turn, work, index, want);
        CHECK(std::equal(batch.good.data() + index * 768, batch.good.data() + (index + 1) * 768,
                         want.data() + index * 768));
    }
    CHECK(std::equal(batch.good.data(), batch.good.data() + batch.good.size(), other.good.data()));
    const auto pictures = clean{}.pictures<float>(ctx, batch);
    const auto want = normalise_image<float>(ctx, batch.good);
    CHECK(std::equal(want.data(), want.data() + want.size(), pictures.clean.data()));
}
