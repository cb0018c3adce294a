#include "data/picture_folder.hpp"
#include "support/catch.hpp"

#include <pfad/data/picture_store.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

using namespace pfad;
using pfad::data::picture_store;

namespace {

std::vector<std::filesystem::path> some_files(const picture_folder& folder, int count) {
    std::vector<std::filesystem::path> result;
    for (int i = 0; i < count; ++i)
        result.push_back(
            folder.picture(std::to_string(i) + ".png", some_picture(20 + i, 15, 3, i)));
    return result;
}

std::vector<std::uint8_t> pixels_of(const picture_store& store, int index) {
    std::vector<std::uint8_t> buffer;
    const auto view = store.get(index, buffer);
    return {view.data, view.data + store.bytes()};
}

} // namespace

TEST_CASE("picture_store: pictures are resized ones, kept or not, by any number of threads",
          "[data]") {
    const picture_folder folder;
    const auto files = some_files(folder, 7);
    const picture_store all(files, 8, 1 << 20, 1);
    const picture_store some(files, 8, 3 * 8 * 8 * 3 + 5, 4);
    const picture_store none(files, 8, 0, 3);
    CHECK(all.kept() == 7);
    CHECK(some.kept() == 3);
    CHECK(none.kept() == 0);
    for (int i = 0; i < 7; ++i) {
        const auto want =
            data::resize(read_picture(files[static_cast<std::size_t>(i)]), {8, 8}).pixels;
        CHECK(pixels_of(all, i) == want);
        CHECK(pixels_of(some, i) == want);
        CHECK(pixels_of(none, i) == want);
    }
}

TEST_CASE("picture_store: the first bad file is named before any work", "[data]") {
    const picture_folder folder;
    auto files = some_files(folder, 9);
    files[3] = folder.text("three.png");
    files[7] = folder.text("seven.png");
    for (const int threads : {1, 4})
        for (const std::size_t limit : {std::size_t(0), std::size_t(1) << 20}) {
            const auto said =
                sentence_of([&] { const picture_store store(files, 8, limit, threads); });
            CHECK(contains(said, files[3].string()));
        }
}

TEST_CASE("picture_store: a file that vanishes later is named when it is asked for", "[data]") {
    const picture_folder folder;
    const auto files = some_files(folder, 3);
    const picture_store store(files, 8, 8 * 8 * 3, 1);
    std::filesystem::remove(files[0]);
    std::filesystem::remove(files[2]);
    CHECK(pixels_of(store, 0).size() == 192);
    CHECK(contains(sentence_of([&] { (void)pixels_of(store, 2); }), files[2].string()));
}
