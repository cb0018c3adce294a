// The code of docs/embedding.md, on a small model.
#include "detect/loaded_inspector.hpp"

#include <pfad/pfadseg.hpp>

#include <cstdio>
#include <filesystem>

namespace {

void embed(pfad::inspector& inspector,
           const std::uint8_t* frame,
           const std::uint16_t* mono12,
           int width,
           int height,
           std::ptrdiff_t stride,
           const std::vector<pfad::picture_view>& good) {
#include "embedding/fragments.inc"

    REQUIRE(all.size() == 2);
    CHECK(same(all[0], found));
    CHECK(tiled.map.dims() == pfad::shape<2>{{height, width}});
    CHECK(inspector.threshold() == pfad::threshold_of_good(scores));
}

} // namespace

TEST_CASE("embedding: the page's code runs", "[documents]") {
    const temporary_folder folder;
    const auto before = std::filesystem::current_path();
    auto inspector = pfad::inspector::load(loaded_inspector::path(), {.threads = 1});
    const std::vector<std::uint8_t> frame(90 * 310, 120);
    const std::vector<std::uint16_t> mono12(100 * 90, 1920);
    const std::vector<pfad::picture_view> good = {
        {frame.data(), 100, 90, pfad::pixel_format::bgr, 310},
        {mono12.data(), 100, 90, pfad::pixel_format::grey, 200, 12}};
    std::filesystem::current_path(folder.path()); // where map.png goes
    embed(inspector, frame.data(), mono12.data(), 100, 90, 310, good);
    std::filesystem::current_path(before);
    CHECK(std::filesystem::exists(folder.path() / "map.png"));
}
