// The report of a run: one HTML file that needs nothing beside it. Style, charts and pictures are
// inside; there is no script and nothing is fetched. Follows the reader's light or dark mode.
#pragma once

#include <pfad/core/view.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/base64.hpp>
#include <pfad/io/file.hpp>
#include <pfad/io/image.hpp>
#include <pfad/metrics/list.hpp>
#include <pfad/report/chart.hpp>
#include <pfad/report/heat_map.hpp>
#include <pfad/report/style.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad::report {

/// One chart of one or more curves.
struct report_chart {
    std::string title;         ///< above the chart
    std::string note;          ///< what the reader sees; may be empty
    std::vector<curve> curves; ///< drawn over each other
};

/// A picture with its caption.
struct report_panel {
    std::string label; ///< below the picture
    image_u8 picture;  ///< grey or RGB
};

/// A picture of the gallery: its panels, such as picture, truth, map and overlay.
struct report_entry {
    std::string caption;              ///< such as kind/name
    double score = 0;                 ///< in [0, 1]
    std::string score_text;           ///< in place of the score's own three decimals; may be empty
    bool anomalous = false;           ///< the truth
    std::vector<report_panel> panels; ///< from left to right
};

/// Everything on the page, from top to bottom.
struct report_data {
    std::string title;                 ///< heading
    std::string summary;               ///< a sentence below it
    std::string category;              ///< its name
    metrics::metrics_result result;    ///< its metrics
    std::string protocol;              ///< how the metrics are measured, in words
    std::vector<double> good;          ///< image scores of good pictures
    std::vector<double> anomalous;     ///< image scores of pictures with a defect
    double threshold = 0;              ///< scores from here on are defects
    std::vector<report_entry> gallery; ///< pictures with their maps
    std::vector<report_chart> charts;  ///< of the losses
    std::vector<std::pair<std::string, std::string>> run; ///< what was run: names and values
};

namespace detail {

inline std::string element(std::string_view tag, std::string_view style, std::string_view text) {
    std::string html = "<" + std::string(tag);
    if (!style.empty())
        html += " class=\"" + std::string(style) + "\"";
    return html + ">" + escape_html(text) + "</" + std::string(tag) + ">\n";
}

inline std::string section_open(std::string_view title) {
    return "<section>\n" + element("h2", "", title);
}

inline std::string render_cards(const metrics::metrics_result& result) {
    std::string html = "<div class=\"cards\">\n";
    for (const metrics::metric& m : metrics::list)
        if (const auto& value = result.*m.value)
            html += "<div class=\"card\">" + element("span", "name", m.title) +
                    element("span", "value", fixed(*value, 3)) + "</div>\n";
    return html + "</div>\n";
}

inline std::string render_run(const report_data& data) {
    std::string html = section_open("What was run") + "<dl>\n";
    for (const auto& [name, value] : data.run)
        html += element("dt", "", name) + element("dd", "", value);
    return html + "</dl>\n</section>\n";
}

inline std::string render_charts(const std::vector<report_chart>& charts) {
    if (charts.empty())
        return {};
    std::string html = section_open("Losses") + "<div class=\"charts\">\n";
    for (const report_chart& chart : charts) {
        html += "<figure>\n<figcaption>" + element("h3", "", chart.title);
        if (chart.curves.size() > 1)
            for (std::size_t i = 0; i < chart.curves.size(); ++i)
                html += element("span", "key key" + std::to_string(i % 4), chart.curves[i].name);
        html += "</figcaption>\n" + line_chart(chart.curves, chart.title);
        if (!chart.note.empty())
            html += element("p", "note", chart.note);
        html += "</figure>\n";
    }
    return html + "</div>\n</section>\n";
}

/// A title at the start of a line.
inline std::string heading(std::string title) {
    if (title[0] >= 'a' && title[0] <= 'z')
        title[0] = static_cast<char>(title[0] - 'a' + 'A');
    return title;
}

inline std::string render_metrics(const report_data& data) {
    std::string titles, values, meanings;
    for (const metrics::metric& m : metrics::list) {
        const std::string title = heading(m.title);
        titles += "<th scope=\"col\">" + escape_html(title) + "</th>";
        meanings += element("dt", "", title) + element("dd", "", m.meaning);
        if (const auto& value = data.result.*m.value)
            values += "<td><span class=\"meter\" style=\"--share:" +
                      fixed(100 * std::clamp(*value, 0.0, 1.0), 1) + "%\">" + fixed(*value, 3) +
                      "</span></td>";
        else
            values += "<td class=\"none\">undefined</td>";
    }
    std::string html = section_open("Metrics") +
                       "<div class=\"wide\"><table>\n<thead><tr><th>Category</th>" + titles +
                       "<th scope=\"col\">Good + anomalous</th></tr></thead>\n<tbody>\n"
                       "<tr><th scope=\"row\">" +
                       escape_html(data.category) + "</th>" + values + "<td class=\"count\">" +
                       std::to_string(data.result.good) + " + " +
                       std::to_string(data.result.anomalous) +
                       "</td></tr>\n</tbody></table></div>\n";
    if (!data.result.reason.empty())
        html += element("p", "warning", data.category + ": " + data.result.reason);
    return html + element("p", "", data.protocol) +
           "<details><summary>What the metrics mean</summary><dl>\n" + meanings +
           "</dl></details>\n</section>\n";
}

inline std::string render_scores(const report_data& data) {
    const auto above = [&](const std::vector<double>& scores) {
        return std::to_string(std::ranges::count_if(
                   scores, [&](double score) { return score >= data.threshold; })) +
               " of " + std::to_string(scores.size());
    };
    return section_open("Image scores") + "<figure class=\"scores\">\n<figcaption>" +
           element("span", "key key-anomalous", "anomalous pictures, upwards") +
           element("span", "key key-good", "good pictures, downwards") + "</figcaption>\n" +
           histogram(data.good, data.anomalous, data.threshold) +
           element("p", "note",
                   "At the threshold, " + above(data.anomalous) +
                       " anomalous pictures are found and " + above(data.good) +
                       " good ones are flagged.") +
           "</figure>\n</section>\n";
}

/// The picture, reduced where its longer side exceeds `most`.
inline image_u8 reduced(const image_u8& picture, int most) {
    const int longer = std::max(picture.width, picture.height);
    if (longer <= most)
        return picture;
    return data::resize(
        picture, {std::max(1, static_cast<int>(std::int64_t(picture.width) * most / longer)),
                  std::max(1, static_cast<int>(std::int64_t(picture.height) * most / longer))});
}

inline std::string render_entry(const report_entry& entry, double threshold) {
    const bool flagged = entry.score >= threshold;
    std::string html =
        "<article>\n<header>" + element("h3", "", entry.caption) +
        element("span", flagged ? "verdict bad" : "verdict fine", flagged ? "anomalous" : "good");
    if (entry.anomalous != flagged)
        html += element("span", "wrong", entry.anomalous ? "missed" : "false alarm");
    const auto percent = [](double share) {
        return fixed(100 * std::clamp(share, 0.0, 1.0), 1) + "%";
    };
    html += "<span class=\"score\" style=\"--score:" + percent(entry.score) +
            ";--threshold:" + percent(threshold) + "\"><span class=\"scale\"></span>" + "score " +
            (entry.score_text.empty() ? fixed(entry.score, 3) : entry.score_text) +
            "</span></header>\n<div class=\"panels\">\n";
    for (const auto& [label, picture] : entry.panels)
        html += "<figure><img alt=\"" + escape_html(entry.caption + ", " + label) +
                "\" src=\"data:image/png;base64," + base64(encode_png(picture)) + "\">" +
                element("figcaption", "", label) + "</figure>\n";
    return html + "</div>\n</article>\n";
}

inline std::string render_gallery(const report_data& data) {
    std::string html = section_open("Pictures") +
                       element("p", "note",
                               "The mark on each scale is the threshold; the colours of the map "
                               "turn from violet to red there.");
    for (const report_entry& entry : data.gallery)
        html += render_entry(entry, data.threshold);
    return html + "</section>\n";
}

} // namespace detail

/// The panels of a gallery entry: picture, truth (left out where `truth` is empty), map, overlay. Maps,
/// masks and `brightest` as in report/heat_map.hpp. The picture is reduced to `longer_side` first, so
/// that outlines stay sharp.
[[nodiscard]] inline std::vector<report_panel> gallery_panels(const picture_view& picture,
                                                              in<float, 2> map,
                                                              in<float, 2> truth,
                                                              double threshold,
                                                              double brightest = 1,
                                                              int longer_side = 320) {
    const image_u8 base = detail::reduced(to_rgb(picture), longer_side);
    std::vector<report_panel> panels = {{"picture", base}};
    if (truth.size() > 0) {
        const bool defect =
            std::any_of(truth.data, truth.data + truth.size(), [](float v) { return v > 0.5f; });
        panels.push_back({defect ? "truth" : "truth: no defect", render_truth(base, truth)});
    }
    panels.push_back({"map", colour_map(map, base.width, base.height, threshold, brightest)});
    panels.push_back({"overlay", render_inspection(base, map, threshold, brightest)});
    return panels;
}

/// The page as text. Every text is escaped. Throws errc::value for a panel that cannot be encoded.
[[nodiscard]] inline std::string render_report(const report_data& data) {
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n" +
           detail::element("title", "", data.title) + "<style>" + std::string(report_style) +
           "</style>\n</head>\n<body>\n<main>\n<header class=\"top\">\n" +
           detail::element("h1", "", data.title) + detail::element("p", "summary", data.summary) +
           "</header>\n" + detail::render_cards(data.result) + detail::render_metrics(data) +
           detail::render_scores(data) + detail::render_gallery(data) +
           detail::render_charts(data.charts) + detail::render_run(data) +
           "<footer>Written by pfad.</footer>\n</main>\n</body>\n</html>\n";
}

/// Writes the page to a temporary name beside `path` and renames it. Throws errc::io, and leaves
/// what was there, where that fails.
inline void write_report(const std::string& path, const report_data& data) {
    write_atomically(path, render_report(data));
}

} // namespace pfad::report
