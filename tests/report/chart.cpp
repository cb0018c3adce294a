#include "support/catch.hpp"

#include <pfad/report/chart.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace pfad::report;

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

std::vector<curve_point> falling(int points, double rate) {
    std::vector<curve_point> result;
    for (int i = 1; i <= points; ++i)
        result.push_back({static_cast<double>(i), std::exp(-rate * i)});
    return result;
}

} // namespace

TEST_CASE("svg_chart: text cannot leave its place", "[report]") {
    CHECK(escape_html("a<b> & \"c\" 'd'") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    const curve c = {"x", {{1, 2}}};
    const auto svg = line_chart({&c, 1}, "<script>\"");
    CHECK(count(svg, "<script>") == 0);
    CHECK(count(svg, "&lt;script&gt;&quot;") == 1);
}

TEST_CASE("svg_chart: numbers are written alike everywhere", "[report]") {
    CHECK(fixed(1234.5678, 2) == "1234.57");
    CHECK(fixed(-0.5, 0) == "-0");
    CHECK(brief(0.001) == "0.001");
    CHECK(brief(1e-5) == "1e-05");
    CHECK(brief(2500, 7) == "2500");
}

TEST_CASE("svg_chart: ticks are round and cover the values", "[report]") {
    CHECK(nice_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
    CHECK(nice_ticks(0.3, 3.9, 4) == std::vector<double>{0, 1, 2, 3, 4});
    const auto flat = nice_ticks(5, 5, 5);
    CHECK(flat.front() <= 5);
    CHECK(flat.back() > 5);
    for (const double low : {-7.3, 0.0, 0.02, 1234.0})
        for (const double span : {0.004, 1.0, 77.0, 1e6}) {
            const auto ticks = nice_ticks(low, low + span, 6);
            CHECK(ticks.front() <= low + 1e-9 * span);
            CHECK(ticks.back() >= low + span - 1e-9 * span);
            CHECK(ticks.size() >= 3);
            CHECK(ticks.size() <= 15);
        }
}

TEST_CASE("svg_chart: logarithmic ticks are decades, finer where there are few", "[report]") {
    const auto near = log_ticks(0.3, 4);
    CHECK(near.front() == Approx(0.2));
    CHECK(near.back() == Approx(5));
    const auto far = log_ticks(1e-7, 3);
    CHECK(far.front() <= 1e-7 * (1 + 1e-9));
    CHECK(far.back() >= 3);
    CHECK(far.size() <= 8);
    for (const double value : {1e-3, 0.7, 1.0, 250.0}) {
        const auto one = log_ticks(value, value);
        CHECK(one.size() >= 2);
        CHECK(one.front() <= value * (1 + 1e-9));
        CHECK(one.back() >= value * (1 - 1e-9));
    }
}

TEST_CASE("svg_chart: the smoothed curve does not lag", "[report]") {
    std::vector<curve_point> straight;
    for (int i = 0; i < 1000; ++i)
        straight.push_back({static_cast<double>(i), 3.0 * i - 7});
    const auto smooth = smoothed(straight);
    REQUIRE(smooth.size() == 1000);
    for (std::size_t i = 4; i < 996; ++i)
        CHECK(smooth[i].value == Approx(straight[i].value));
    CHECK(smooth[0].value == Approx(straight[2].value)); // the mean of the first five
    straight[500].value += 1000;
    CHECK(smoothed(straight)[500].value < smooth[500].value + 50);
    CHECK(smoothed({}).empty());
}

TEST_CASE("svg_chart: one path of points and one line a curve", "[report]") {
    const curve curves[] = {{"a", falling(5000, 1e-4)}, {"b", falling(3, 0.1)}};
    const auto svg = line_chart(curves, "losses");
    CHECK(count(svg, "class=\"points series0\"") == 1);
    CHECK(count(svg, "class=\"line series1\"") == 1);
    CHECK(count(svg, "h0") <= 1260); // thinned
    CHECK(count(svg, "h0") >= 1000);
    CHECK(count(svg, "nan") == 0);
    CHECK(count(svg, "inf") == 0);
    CHECK(count(svg, ">iteration<") == 1);
}

TEST_CASE("svg_chart: the axis is logarithmic where the values ask for it", "[report]") {
    const curve steep = {"a", falling(500, 0.02)}, shallow = {"b", falling(500, 0.001)};
    CHECK(count(line_chart({&steep, 1}, "x"), ">0.001<") == 1);
    CHECK(count(line_chart({&shallow, 1}, "x"), ">0<") == 2); // both axes start at zero
    // A value of zero has no logarithm: the axis stays linear.
    curve zero = steep;
    zero.points[7].value = 0;
    CHECK(count(line_chart({&zero, 1}, "x"), "nan") == 0);
    CHECK(count(line_chart({&zero, 1}, "x"), ">0.001<") == 0);
}

TEST_CASE("svg_chart: nothing to draw is said, odd values are left out", "[report]") {
    CHECK(line_chart({}, "x").find("No value") != std::string::npos);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const curve gaps = {"a", {{1, nan}, {2, 1}, {3, HUGE_VAL}}};
    const auto svg = line_chart({&gaps, 1}, "x");
    CHECK(count(svg, "h0") == 1);
    CHECK(count(svg, "nan") == 0);
}

TEST_CASE("svg_chart: the histogram counts every picture", "[report]") {
    const std::vector<double> good = {0.1, 0.1, 0.12, 0.2}, bad = {0.7, 0.9};
    const auto svg = histogram(good, bad, 0.4);
    CHECK(count(svg, "bar anomalous") == 2);
    CHECK(count(svg, "bar good") >= 2);
    CHECK(count(svg, "threshold 0.4") == 1);
    CHECK(count(histogram(good, {}, 0.4), "bar good") >= 2);
    CHECK(histogram({}, {}, 0.4).find("No picture") != std::string::npos);
    const std::vector<double> same(5, 0.3);
    CHECK(count(histogram(same, same, 0.3), "nan") == 0);
}
