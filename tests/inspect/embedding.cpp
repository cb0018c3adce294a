// The code of docs/embedding.md, and a check that the page has no other.
#include "inspect/loaded_inspector.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

void embed(pfad::inspector& inspector,
           const std::uint8_t* frame,
           const std::uint16_t* mono12,
           int width,
           int height,
           std::ptrdiff_t stride) {
    const pfad::picture_view colour(frame, width, height, pfad::pixel_format::bgr, stride);
    const pfad::picture_view grey(mono12, width, height, pfad::pixel_format::grey, 2 * width, 12);

    const auto found = inspector.inspect(colour);
    std::printf("%s, score %.3f\n", found.defect ? "defect" : "good", found.score);
    for (const auto& region : found.regions)
        std::printf("%dx%d at (%d, %d), %ld of its pixels, peak %.2f, mean %.2f\n", region.width,
                    region.height, region.left, region.top, long(region.area), region.peak,
                    region.mean);
    pfad::write_png("map.png",
                    pfad::inspect::render_inspection(colour, found.map, inspector.threshold()));

    const std::vector<pfad::picture_view> views = {colour, grey};
    const auto all = inspector.inspect(views);

    const auto tiled = inspector.inspect_tiles(colour);

    const auto& good = views;
    std::vector<double> scores;
    for (const auto& picture : good)
        scores.push_back(inspector.inspect_tiles(picture).score);
    inspector.set_threshold(pfad::train::threshold_of_good(scores));

    REQUIRE(all.size() == 2);
    CHECK(same(all[0], found));
    CHECK(tiled.map.dims() == pfad::shape<2>{{height, width}});
    CHECK(inspector.threshold() == pfad::train::threshold_of_good(scores));
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
    return lines;
}

} // namespace

TEST_CASE("embedding: the page's code runs [inspect]") {
    const temporary_folder folder;
    const auto before = std::filesystem::current_path();
    auto inspector = pfad::inspector::load(loaded_inspector::path(), 1);
    const std::vector<std::uint8_t> frame(90 * 310, 120);
    const std::vector<std::uint16_t> mono12(100 * 90, 1920);
    std::filesystem::current_path(folder.path()); // where map.png goes
    embed(inspector, frame.data(), mono12.data(), 100, 90, 310);
    std::filesystem::current_path(before);
    CHECK(std::filesystem::exists(folder.path() / "map.png"));
}

TEST_CASE("embedding: the page has no other code [inspect]") {
    const std::filesystem::path here = __FILE__;
    const auto source = lines_of(here);
    const auto page = lines_of(here.parent_path() / "../../docs/embedding.md");
    auto at = source.begin();
    bool code = false;
    int compared = 0;
    for (const auto& line : page) {
        if (line.starts_with("```")) {
            code = line == "```cpp";
        } else if (code && !line.empty()) {
            INFO(line);
            at = std::find(at, source.end(), line);
            REQUIRE(at != source.end());
            ++at;
            ++compared;
        }
    }
    CHECK(compared > 10);
}
