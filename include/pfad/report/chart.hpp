// Charts as inline SVG for the report: lines over iterations, and a histogram of two kinds of
// scores. Colours come from the page's style sheet through class names, so that a chart follows
// light and dark mode.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad::report {

/// One value of a curve, such as a loss.
struct curve_point {
    double iteration = 0; ///< place along the axis
    double value = 0;     ///< height
};

/// A line of a chart.
struct curve {
    std::string name;                ///< in the legend
    std::vector<curve_point> points; ///< by rising iteration; non-finite values are left out
};

/// Text for HTML: the five characters with a meaning of their own are replaced.
[[nodiscard]] inline std::string escape_html(std::string_view text) {
    constexpr std::pair<char, std::string_view> table[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    std::string result;
    for (const char c : text) {
        const auto found = std::ranges::find(table, c, &std::pair<char, std::string_view>::first);
        result += found == std::end(table) ? std::string_view(&c, 1) : found->second;
    }
    return result;
}

/// `value` with `decimals` after the point, whatever the locale.
[[nodiscard]] inline std::string fixed(double value, int decimals) {
    std::array<char, 400> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                   std::chars_format::fixed, decimals);
    return {text.data(), end.ptr};
}

/// The shortest of plain and scientific notation with at most `digits` significant digits.
[[nodiscard]] inline std::string brief(double value, int digits = 4) {
    std::array<char, 64> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                   std::chars_format::general, digits);
    return {text.data(), end.ptr};
}

/// Ticks at 1, 2 or 5 times a power of ten that cover [low, high]; about `count` of them.
[[nodiscard]] inline std::vector<double> nice_ticks(double low, double high, int count) {
    if (!(high > low))
        high = low + std::max(1.0, std::abs(low));
    const double rough = (high - low) / std::max(count, 1);
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    const double part = rough / power;
    const double step = power * (part <= 1.001 ? 1 : part <= 2.001 ? 2 : part <= 5.001 ? 5 : 10);
    std::vector<double> ticks;
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    for (double i = first; i <= last; ++i)
        ticks.push_back(i * step);
    return ticks;
}

/// Ticks of a logarithmic axis that cover [low, high], both positive: decades, with 2 and 5 between
/// where there are few.
[[nodiscard]] inline std::vector<double> log_ticks(double low, double high) {
    const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
    const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
    const int every = std::max(1, (last - first + 5) / 6);
    std::vector<double> ticks;
    for (int e = first; e <= std::max(last, first + 1); e += every)
        for (const double part : {1.0, 2.0, 5.0})
            if (part == 1 || last - first <= 2)
                ticks.push_back(part * std::pow(10.0, e));
    // Of the ticks beyond the values, one on either side stays.
    while (ticks.size() > 2 && ticks[1] <= low)
        ticks.erase(ticks.begin());
    while (ticks.size() > 2 && ticks[ticks.size() - 2] >= high)
        ticks.pop_back();
    return ticks;
}

/// The mean over a window of about a fortieth of the curve, centred on each point so that it does
/// not lag. Near both ends the window narrows to a third of that, so that it hardly bends either.
[[nodiscard]] inline std::vector<curve_point> smoothed(std::span<const curve_point> points) {
    std::vector<double> sums = {0};
    for (const curve_point& p : points)
        sums.push_back(sums.back() + p.value);
    std::vector<curve_point> result;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const std::size_t after = points.size() - 1 - i;
        const std::size_t reach =
            std::max(std::min({points.size() / 80, i, after}), points.size() / 240);
        const std::size_t first = i - std::min(i, reach), last = i + std::min(after, reach);
        result.push_back({points[i].iteration,
                          (sums[last + 1] - sums[first]) / static_cast<double>(last - first + 1)});
    }
    return result;
}

namespace detail {

/// Every k-th point, the last one among them, so that at most about `most` remain.
inline std::vector<curve_point> thinned(const std::vector<curve_point>& points, std::size_t most) {
    const std::size_t step = std::max<std::size_t>(1, (points.size() + most - 1) / most);
    std::vector<curve_point> result;
    for (std::size_t i = 0; i < points.size(); i += step)
        result.push_back(points[i]);
    if (!points.empty() && (points.size() - 1) % step)
        result.push_back(points.back());
    return result;
}

/// The plot rectangle inside the picture, and where values lie in it.
struct axes {
    double x_low, x_high, y_low, y_high;
    bool logarithmic;
    static constexpr double width = 720, height = 300, left = 66, right = 26, top = 14, bottom = 50;

    [[nodiscard]] double x(double value) const {
        return left + (width - left - right) * (value - x_low) / (x_high - x_low);
    }
    [[nodiscard]] double y(double value) const {
        const double share =
            logarithmic ? std::log(std::max(value, y_low) / y_low) / std::log(y_high / y_low)
                        : (value - y_low) / (y_high - y_low);
        return height - bottom - (height - top - bottom) * share;
    }
};

inline std::string svg_text(double x, double y, std::string_view style, std::string_view text) {
    return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" class=\"" +
           std::string(style) + "\">" + escape_html(text) + "</text>\n";
}

inline std::string svg_line(double x1, double y1, double x2, double y2, std::string_view style) {
    return "<path class=\"" + std::string(style) + "\" d=\"M" + fixed(x1, 1) + " " + fixed(y1, 1) +
           "L" + fixed(x2, 1) + " " + fixed(y2, 1) + "\"/>\n";
}

inline std::string svg_open(double width, double height, std::string_view label) {
    return "<svg viewBox=\"0 0 " + fixed(width, 0) + " " + fixed(height, 0) +
           "\" role=\"img\" aria-label=\"" + escape_html(label) + "\">\n";
}

inline std::string svg_axes(const axes& at,
                            const std::vector<double>& x_ticks,
                            const std::vector<double>& y_ticks,
                            std::string_view x_label) {
    std::string svg;
    for (const double tick : y_ticks) {
        svg += svg_line(at.left, at.y(tick), at.width - at.right, at.y(tick), "grid");
        svg += svg_text(at.left - 8, at.y(tick) + 5, "tick end", brief(tick));
    }
    const double floor = at.height - at.bottom;
    for (const double tick : x_ticks)
        if (tick <= at.x_high) {
            svg += svg_line(at.x(tick), floor, at.x(tick), floor + 5, "axis");
            svg += svg_text(at.x(tick), floor + 20, "tick mid", brief(tick, 7));
        }
    svg += svg_line(at.left, floor, at.width - at.right, floor, "axis");
    svg += svg_text((at.left + at.width - at.right) / 2, at.height - 6, "label mid", x_label);
    return svg;
}

/// The value axis is logarithmic where all values are positive and the smoothed curves span more than a
/// factor of 20.
inline axes fit_axes(const std::vector<curve>& raw, const std::vector<curve>& smooth) {
    axes at = {1e300, -1e300, 1e300, -1e300, false};
    double smooth_low = 1e300, smooth_high = 0;
    for (const curve& c : raw)
        for (const curve_point& p : c.points) {
            at.x_low = std::min(at.x_low, p.iteration);
            at.x_high = std::max(at.x_high, p.iteration);
            at.y_low = std::min(at.y_low, p.value);
            at.y_high = std::max(at.y_high, p.value);
        }
    for (const curve& c : smooth)
        for (const curve_point& p : c.points) {
            smooth_low = std::min(smooth_low, p.value);
            smooth_high = std::max(smooth_high, p.value);
        }
    at.logarithmic = at.y_low > 0 && smooth_high > 20 * smooth_low;
    if (!at.logarithmic)
        at.y_low = std::min(at.y_low, 0.0);
    if (!(at.x_high > at.x_low))
        at.x_high = at.x_low + 1;
    return at;
}

} // namespace detail

/// Curves over iterations: the points light, a smoothed line on top. Text says so where there is
/// nothing to draw.
[[nodiscard]] inline std::string line_chart(std::span<const curve> curves, std::string_view label) {
    std::vector<curve> raw, smooth;
    for (const curve& c : curves) {
        curve finite = {c.name, {}};
        std::copy_if(c.points.begin(), c.points.end(), std::back_inserter(finite.points),
                     [](const curve_point& p) { return std::isfinite(p.value); });
        smooth.push_back({c.name, smoothed(finite.points)});
        raw.push_back(std::move(finite));
    }
    if (std::all_of(raw.begin(), raw.end(), [](const curve& c) { return c.points.empty(); }))
        return "<p class=\"note\">No value was logged.</p>\n";
    detail::axes at = detail::fit_axes(raw, smooth);
    const auto y_ticks =
        at.logarithmic ? log_ticks(at.y_low, at.y_high) : nice_ticks(at.y_low, at.y_high, 5);
    at.y_low = y_ticks.front();
    at.y_high = y_ticks.back();
    std::string svg = detail::svg_open(at.width, at.height, label);
    svg += detail::svg_axes(at, nice_ticks(at.x_low, at.x_high, 8), y_ticks, "iteration");
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const std::string series = " series" + std::to_string(i % 4) + "\" d=\"";
        svg += "<path class=\"points" + series;
        for (const curve_point& p : detail::thinned(raw[i].points, 1500))
            svg += "M" + fixed(at.x(p.iteration), 1) + " " + fixed(at.y(p.value), 1) + "h0";
        svg += "\"/>\n<path class=\"line" + series;
        char command = 'M';
        for (const curve_point& p : detail::thinned(smooth[i].points, 400)) {
            svg += command + fixed(at.x(p.iteration), 1) + " " + fixed(at.y(p.value), 1);
            command = 'L';
        }
        svg += "\"/>\n";
    }
    return svg + "</svg>\n";
}

namespace detail {

inline constexpr int bins = 32;

inline std::array<int, bins> count_bins(std::span<const double> scores, double low, double high) {
    std::array<int, bins> counts = {};
    for (const double score : scores)
        if (std::isfinite(score)) {
            const int bin = static_cast<int>((score - low) / (high - low) * bins);
            ++counts[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))];
        }
    return counts;
}

inline std::string
bars(const axes& at, const std::array<int, bins>& counts, int direction, std::string_view style) {
    std::string svg;
    const double width = (at.x_high - at.x_low) / bins;
    for (int i = 0; i < bins; ++i) {
        const int count = direction * counts[static_cast<std::size_t>(i)];
        if (count == 0)
            continue;
        const double left = at.x(at.x_low + i * width) + 1, top = at.y(std::max(count, 0));
        svg += "<rect class=\"" + std::string(style) + "\" x=\"" + fixed(left, 1) + "\" y=\"" +
               fixed(top, 1) + "\" width=\"" +
               fixed(at.x(at.x_low + (i + 1) * width) - 1 - left, 1) + "\" height=\"" +
               fixed(at.y(std::min(count, 0)) - top, 1) + "\" rx=\"2\"/>\n";
    }
    return svg;
}

} // namespace detail

/// Image scores of good pictures downwards and of anomalous ones upwards, with the threshold.
/// Non-finite scores are left out.
[[nodiscard]] inline std::string
histogram(std::span<const double> good, std::span<const double> anomalous, double threshold) {
    double low = 1e300, high = -1e300;
    const auto include = [&](double score) {
        if (std::isfinite(score)) {
            low = std::min(low, score);
            high = std::max(high, score);
        }
    };
    std::for_each(good.begin(), good.end(), include);
    std::for_each(anomalous.begin(), anomalous.end(), include);
    if (low > high)
        return "<p class=\"note\">No picture was scored.</p>\n";
    include(threshold);
    const auto x_ticks = nice_ticks(low, high, 8);
    detail::axes at = {x_ticks.front(), x_ticks.back(), 0, 0, false};
    const auto below = detail::count_bins(good, at.x_low, at.x_high);
    const auto above = detail::count_bins(anomalous, at.x_low, at.x_high);
    at.y_high = std::max(1, *std::max_element(above.begin(), above.end())) * 1.1;
    at.y_low = -std::max(1, *std::max_element(below.begin(), below.end())) * 1.1;

    std::string svg = detail::svg_open(at.width, at.height, "histogram of image scores");
    std::vector<double> counts; // as ticks: whole numbers only
    for (const double tick : nice_ticks(at.y_low, at.y_high, 6))
        if (tick == std::floor(tick) && tick >= at.y_low && tick <= at.y_high)
            counts.push_back(tick);
    for (const double tick : counts) {
        svg += detail::svg_line(at.left, at.y(tick), at.width - at.right, at.y(tick),
                                tick == 0 ? "axis" : "grid");
        svg += detail::svg_text(at.left - 8, at.y(tick) + 5, "tick end", brief(std::abs(tick)));
    }
    for (const double tick : x_ticks)
        svg += detail::svg_text(at.x(tick), at.height - at.bottom + 20, "tick mid", brief(tick));
    svg += detail::svg_text((at.left + at.width - at.right) / 2, at.height - 6, "label mid",
                            "image score");
    svg += detail::bars(at, above, 1, "bar anomalous") + detail::bars(at, below, -1, "bar good");
    const double x = at.x(threshold);
    const bool right = x > at.width * 0.75;
    svg += detail::svg_line(x, at.top - 6, x, at.height - at.bottom, "threshold");
    svg += detail::svg_text(x + (right ? -6 : 6), at.top + 6, right ? "label end" : "label",
                            "threshold " + brief(threshold));
    return svg + "</svg>\n";
}

} // namespace pfad::report
