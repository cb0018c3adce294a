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
    data.charts = {{"Stage 1", "", {{"cosine", {{1, 2.0}, {2, 1.5}, {3, 1.25}}}}},
                   {"Stage 2", "two losses", {{"focal", {{1, 0.5}}}, {"L1", {{1, 0.25}}}}}};
    data.category = "screw";
    data.result.pixel_auroc = 0.9876;
    data.result.good = 3;
    data.result.anomalous = 5;
    data.result.reason = "Image AUROC <none>.";
    data.protocol = "At 128 x 128.";
    data.good = {0.1, 0.6, 0.2};
    data.anomalous = {0.7, 0.3};
    data.threshold = 0.5;
    const std::vector<float> map = {0, 0, 0, 1}, none;
    report_entry missed, found;
    missed.caption = "scratch/000.png";
    missed.score = 0.25;
    missed.anomalous = true;
    missed.panels =
        gallery_panels(plain(40, 20), {map.data(), {{2, 2}}}, {map.data(), {{2, 2}}}, 0.5);
    found = missed;
    found.caption = "scratch/001.png";
    found.score = 0.75;
    found.panels =
        gallery_panels(plain(20, 40), {map.data(), {{2, 2}}}, {none.data(), {{0, 0}}}, 0.5);
    data.gallery = {missed, found};
    return data;
}

} // namespace

TEST_CASE("report: everything that was given is on the page", "[report]") {
    const auto html = render_report(sample());
    for (const char* const part :
         {"<h1>Screws &lt;1&gt;</h1>", "Good &amp; bad.", "pfad_train --out &quot;a b&quot;",
          ">Stage 1<", ">focal<", ">L1<", "two losses", "At 128 x 128.", ">0.988<", ">3 + 5<",
          "screw: Image AUROC &lt;none&gt;.", "threshold 0.5",
          "1 of 2 anomalous pictures are found and 1 of 3 good ones are flagged", "scratch/000.png",
          ">missed<", "score 0.250", "score 0.750"})
        CHECK(has(html, part));
    CHECK(count(html, "undefined</td>") == 5);
    CHECK(count(html, "<img ") == 7);
    CHECK(count(html, "class=\"card\"") == 1);
    CHECK(count(html, ">0.988<") == 2); // in its card and in the table
    CHECK_FALSE(has(html, "false alarm"));
}

TEST_CASE("report: the page needs nothing beside it", "[report]") {
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

TEST_CASE("report: no text becomes markup", "[report]") {
    auto data = sample();
    const std::string evil = "<img src=x onerror='a'>\"&";
    data.title = data.summary = data.protocol = data.category = data.result.reason = evil;
    data.run = {{evil, evil}};
    for (auto& chart : data.charts)
        chart.title = chart.note = chart.curves[0].name = evil;
    for (auto& entry : data.gallery)
        entry.caption = entry.panels[0].label = evil;
    const auto html = render_report(data);
    CHECK_FALSE(has(html, "<img src=x"));
    CHECK(count(html, "&lt;img src=x onerror=&#39;a&#39;&gt;&quot;&amp;") >= 15);
    CHECK_FALSE(has(html, "onerror='"));
}

TEST_CASE("report: a page without losses has no section of them", "[report]") {
    auto data = sample();
    data.charts.clear();
    CHECK(has(render_report(sample()), ">Losses<"));
    CHECK_FALSE(has(render_report(data), ">Losses<"));
}

TEST_CASE("report: large pictures are reduced, small ones kept", "[report]") {
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
    auto data = sample();
    data.gallery[0].panels[0].picture.width = 0;
    CHECK_THROWS_AS(render_report(data), pfad::error);
}

TEST_CASE("report: the file is written whole or not at all", "[report]") {
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
