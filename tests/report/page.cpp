#include "support/catch.hpp"

#include <pfad/report/page.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace pfad::report;

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

pfad::image_u8 plain(int width, int height) {
    pfad::image_u8 picture;
    picture.width = width;
    picture.height = height;
    picture.channels = 3;
    picture.pixels.assign(static_cast<std::size_t>(3 * width * height), 90);
    return picture;
}

report_data sample() {
    report_data data;
    data.title = "Screws <1>";
    data.summary = "Good & bad.";
    data.run = {{"command", "pfad_train --out \"a b\""}};
    data.cards = {{"Image AUROC", "0.875", "8 pictures"}};
    data.charts = {{"Stage 1", "", {{"cosine", {{1, 2.0}, {2, 1.5}, {3, 1.25}}}}},
                   {"Stage 2", "two losses", {{"focal", {{1, 0.5}}}, {"L1", {{1, 0.25}}}}}};
    pfad::metrics::metrics_result result;
    result.pixel_auroc = 0.9876;
    result.good = 3;
    result.anomalous = 5;
    result.reason = "Image AUROC <none>.";
    data.categories = {{"screw", result}};
    data.protocol = "At 128 x 128.";
    data.scores = {{0.1, 0.6, 0.2}, {0.7, 0.3}, 0.5};
    const std::vector<float> map = {0, 0, 0, 1}, none;
    report_entry missed, found;
    missed.caption = "scratch/000.png";
    missed.score = 0.25;
    missed.threshold = 0.5;
    missed.anomalous = true;
    missed.panels =
        gallery_panels(plain(40, 20), {map.data(), {{2, 2}}}, {map.data(), {{2, 2}}}, 0.5);
    found = missed;
    found.caption = "unknown.png";
    found.score = 0.75;
    found.anomalous.reset();
    found.panels =
        gallery_panels(plain(20, 40), {map.data(), {{2, 2}}}, {none.data(), {{0, 0}}}, 0.5);
    data.gallery = {missed, found};
    return data;
}

} // namespace

TEST_CASE("report: everything that was given is on the page [train]") {
    const auto html = render_report(sample());
    for (const char* const part :
         {"<h1>Screws &lt;1&gt;</h1>", "Good &amp; bad.", "pfad_train --out &quot;a b&quot;",
          ">0.875<", "8 pictures", ">Stage 1<", ">focal<", ">L1<", "two losses", "At 128 x 128.",
          ">0.988<", ">3 + 5<", "screw: Image AUROC &lt;none&gt;.", "threshold 0.5",
          "1 of 2 anomalous pictures are found and 1 of 3 good ones are flagged", "scratch/000.png",
          ">missed<", "score 0.250", "score 0.750"})
        CHECK(has(html, part));
    CHECK(count(html, "undefined</td>") == 5);
    CHECK(count(html, "<img ") == 7);
    CHECK_FALSE(has(html, "false alarm"));
    CHECK_FALSE(has(html, ">Mean<"));
}

TEST_CASE("report: the page needs nothing beside it [train]") {
    const auto html = render_report(sample());
    CHECK(html.rfind("<!DOCTYPE html>", 0) == 0);
    for (const char* const part :
         {"<script", "http:", "https:", "<link", "@import", "url(", "src=\"/"})
        CHECK_FALSE(has(html, part));
    CHECK(count(html, "src=\"data:image/png;base64,iVBORw0KGgo") == 7);
    CHECK(has(html, "prefers-color-scheme: dark"));
    for (const char* const tag :
         {"section", "figure", "article", "svg", "dl", "div", "table", "main"})
        CHECK(count(html, "<" + std::string(tag) + " ") +
                  count(html, "<" + std::string(tag) + ">") ==
              count(html, "</" + std::string(tag) + ">"));
}

TEST_CASE("report: no text becomes markup [train]") {
    auto data = sample();
    const std::string evil = "<img src=x onerror='a'>\"&";
    data.title = data.summary = data.protocol = evil;
    data.run = {{evil, evil}};
    data.cards = {{evil, evil, evil}};
    for (auto& chart : data.charts)
        chart.title = chart.note = chart.curves[0].name = evil;
    data.categories[0].name = data.categories[0].result.reason = evil;
    for (auto& entry : data.gallery)
        entry.caption = entry.panels[0].label = evil;
    const auto html = render_report(data);
    CHECK_FALSE(has(html, "<img src=x"));
    CHECK(count(html, "&lt;img src=x onerror=&#39;a&#39;&gt;&quot;&amp;") >= 15);
    CHECK_FALSE(has(html, "onerror='"));
}

TEST_CASE("report: several categories get a mean [train]") {
    auto data = sample();
    data.categories.push_back(data.categories[0]);
    data.categories[1].result.pixel_auroc = 0.5;
    const auto html = render_report(data);
    CHECK(has(html, ">Mean<"));
    CHECK(has(html, ">0.744<"));
    CHECK(has(html, "image AUROC is undefined in all 2 categories."));
}

TEST_CASE("report: a page without data is a title [train]") {
    report_data data;
    data.title = "Empty";
    const auto html = render_report(data);
    CHECK(has(html, "<h1>Empty</h1>"));
    CHECK_FALSE(has(html, "<section>"));
}

TEST_CASE("report: large pictures are reduced, small ones kept [train]") {
    auto data = sample();
    data.gallery.resize(1);
    const std::size_t small = render_report(data).size();
    data.gallery[0].panels = {{"wide", plain(3000, 10)}};
    CHECK(render_report(data).size() < small + 2000);
    const std::vector<float> map = {0.5f};
    const auto panels = gallery_panels(plain(1000, 400), {map.data(), {{1, 1}}},
                                       {map.data(), {{1, 1}}}, 0.5, 1, 200);
    REQUIRE(panels.size() == 4);
    CHECK(panels[1].label == "truth: no defect");
    for (const auto& panel : panels) {
        CHECK(panel.picture.width == 200);
        CHECK(panel.picture.height == 80);
    }
    CHECK(gallery_panels(plain(30, 20), {map.data(), {{1, 1}}}, {nullptr, {{0, 0}}}, 0.5)[0]
              .picture.width == 30);
    data.gallery[0].panels[0].picture.pixels.clear();
    data.panel_pixels = 0;
    CHECK_THROWS_AS(render_report(data), pfad::error);
}

TEST_CASE("report: the file is written whole or not at all [train]") {
    const auto folder = std::filesystem::temp_directory_path() / "pfad_report_test";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto data = sample();
    const std::string path = (folder / "report.html").string();
    write_report(path, data);
    CHECK(std::filesystem::file_size(path) == render_report(data).size());
    CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
    CHECK_THROWS_AS(write_report((folder / "none" / "report.html").string(), data), pfad::error);
    CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
    std::filesystem::remove_all(folder);
}
