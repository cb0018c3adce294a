// The report of a run: one HTML file that needs nothing beside it. Style, charts and pictures are
// inside; there is no script and nothing is fetched. Follows the reader's light or dark mode.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>
#include <pfad/data/resample.hpp>
#include <pfad/io/base64.hpp>
#include <pfad/io/file.hpp>
#include <pfad/io/image.hpp>
#include <pfad/metrics/evaluation.hpp>
#include <pfad/report/chart.hpp>
#include <pfad/report/heat_map.hpp>
#include <pfad/report/style.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pfad::report {

/// A line of "what was run", such as {"command", "pfad_train --data ..."}.
struct report_fact {
    std::string name;  ///< what it is
    std::string value; ///< as text
};

/// A headline figure.
struct report_card {
    std::string label; ///< what it is
    std::string value; ///< as text
    std::string note;  ///< small, below the value; may be empty
};

/// One chart of one or more curves.
struct report_chart {
    std::string title;             ///< above the chart
    std::string note;              ///< what the reader sees; may be empty
    std::vector<curve> curves;     ///< drawn over each other
    scale axis = scale::automatic; ///< of the values
};

/// A row of the metric table.
struct report_category {
    std::string name;               ///< of the category
    metrics::metrics_result result; ///< its metrics
};

/// Image scores of the test pictures.
struct report_scores {
    std::vector<double> good;        ///< of good pictures
    std::vector<double> anomalous;   ///< of pictures with a defect
    std::optional<double> threshold; ///< drawn as a line, where there is one
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
    double threshold = 0;             ///< scores from here on are defects
    std::string score_text;           ///< in place of the score's own three decimals; may be empty
    std::optional<bool> anomalous;    ///< the truth, where it is known
    std::vector<report_panel> panels; ///< from left to right
};

/// Everything on the page, from top to bottom; what is empty is left out.
struct report_data {
    std::string title;                       ///< heading
    std::string summary;                     ///< a sentence below it
    std::vector<report_fact> run;            ///< a table of names and values
    std::vector<report_card> cards;          ///< headline figures
    std::vector<report_chart> charts;        ///< of the losses
    std::vector<report_category> categories; ///< more than one get a row of means
    std::string protocol;                    ///< how the metrics are measured, in words
    report_scores scores;                    ///< drawn as a histogram
    std::vector<report_entry> gallery;       ///< pictures with their maps
    int panel_pixels = 320; ///< longer side of the pictures in the file; larger ones are reduced
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

inline std::string render_cards(const std::vector<report_card>& cards) {
    if (cards.empty())
        return {};
    std::string html = "<div class=\"cards\">\n";
    for (const report_card& card : cards)
        html += "<div class=\"card\">" + element("span", "name", card.label) +
                element("span", "value", card.value) +
                (card.note.empty() ? "" : element("span", "note", card.note)) + "</div>\n";
    return html + "</div>\n";
}

inline std::string render_run(const std::vector<report_fact>& run) {
    if (run.empty())
        return {};
    std::string html = section_open("What was run") + "<dl>\n";
    for (const report_fact& fact : run)
        html += element("dt", "", fact.name) + element("dd", "", fact.value);
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
        html += "</figcaption>\n" + line_chart(chart.curves, chart.title, chart.axis);
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

inline std::string
metric_row(std::string_view style, std::string_view name, const metrics::metrics_result& result) {
    std::string html =
        "<tr class=\"" + std::string(style) + "\"><th scope=\"row\">" + escape_html(name) + "</th>";
    for (const metrics::metric& column : metrics::list) {
        const auto& value = result.*column.value;
        if (value)
            html += "<td><span class=\"meter\" style=\"--share:" +
                    fixed(100 * std::clamp(*value, 0.0, 1.0), 1) + "%\">" + fixed(*value, 3) +
                    "</span></td>";
        else
            html += "<td class=\"none\">undefined</td>";
    }
    return html + "<td class=\"count\">" + std::to_string(result.good) + " + " +
           std::to_string(result.anomalous) + "</td></tr>\n";
}

inline std::string render_metrics(const report_data& data) {
    if (data.categories.empty())
        return {};
    std::string html =
        section_open("Metrics") + "<div class=\"wide\"><table>\n<thead><tr><th>Category</th>";
    for (const metrics::metric& column : metrics::list)
        html += "<th scope=\"col\">" + escape_html(heading(column.title)) + "</th>";
    html += "<th scope=\"col\">Good + anomalous</th></tr></thead>\n<tbody>\n";
    std::string reasons;
    std::vector<metrics::metrics_result> results;
    for (const report_category& category : data.categories) {
        html += metric_row("", category.name, category.result);
        if (!category.result.reason.empty())
            reasons += element("p", "warning", category.name + ": " + category.result.reason);
        results.push_back(category.result);
    }
    if (results.size() > 1) {
        const auto mean = metrics::mean_over_categories(results);
        html += metric_row("mean", "Mean", mean);
        if (!mean.reason.empty())
            reasons += element("p", "warning", "Mean: " + mean.reason);
    }
    html += "</tbody></table></div>\n" + reasons;
    if (!data.protocol.empty())
        html += element("p", "", data.protocol);
    html += "<details><summary>What the metrics mean</summary><dl>\n";
    for (const metrics::metric& column : metrics::list)
        html += element("dt", "", heading(column.title)) + element("dd", "", column.meaning);
    return html + "</dl></details>\n</section>\n";
}

inline std::string render_scores(const report_scores& scores) {
    if (scores.good.empty() && scores.anomalous.empty())
        return {};
    const auto above = [&](const std::vector<double>& values) {
        return std::count_if(values.begin(), values.end(),
                             [&](double score) { return score >= *scores.threshold; });
    };
    std::string html = section_open("Image scores") + "<figure class=\"scores\">\n<figcaption>" +
                       element("span", "key key-anomalous", "anomalous pictures, upwards") +
                       element("span", "key key-good", "good pictures, downwards") +
                       "</figcaption>\n" +
                       histogram(scores.good, scores.anomalous, scores.threshold);
    if (scores.threshold)
        html +=
            element("p", "note",
                    "At the threshold, " + std::to_string(above(scores.anomalous)) + " of " +
                        std::to_string(scores.anomalous.size()) +
                        " anomalous pictures are found and " + std::to_string(above(scores.good)) +
                        " of " + std::to_string(scores.good.size()) + " good ones are flagged.");
    return html + "</figure>\n</section>\n";
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

/// An <img> whose picture is inside the page.
inline std::string inline_picture(const image_u8& picture, int most, std::string_view text) {
    return "<img alt=\"" + escape_html(text) + "\" src=\"data:image/png;base64," +
           base64(encode_png(reduced(picture, most))) + "\">";
}

inline std::string render_entry(const report_entry& entry, int panel_pixels) {
    const bool flagged = entry.score >= entry.threshold;
    std::string html =
        "<article>\n<header>" + element("h3", "", entry.caption) +
        element("span", flagged ? "verdict bad" : "verdict fine", flagged ? "anomalous" : "good");
    if (entry.anomalous && *entry.anomalous != flagged)
        html += element("span", "wrong", *entry.anomalous ? "missed" : "false alarm");
    const auto percent = [](double share) {
        return fixed(100 * std::clamp(share, 0.0, 1.0), 1) + "%";
    };
    html += "<span class=\"score\" style=\"--score:" + percent(entry.score) +
            ";--threshold:" + percent(entry.threshold) + "\"><span class=\"scale\"></span>" +
            "score " + (entry.score_text.empty() ? fixed(entry.score, 3) : entry.score_text) +
            "</span></header>\n<div class=\"panels\">\n";
    for (const report_panel& panel : entry.panels)
        html += "<figure>" +
                inline_picture(panel.picture, panel_pixels, entry.caption + ", " + panel.label) +
                element("figcaption", "", panel.label) + "</figure>\n";
    return html + "</div>\n</article>\n";
}

inline std::string render_gallery(const report_data& data) {
    if (data.gallery.empty())
        return {};
    std::string html = section_open("Pictures") +
                       element("p", "note",
                               "The mark on each scale is the threshold; the colours of the map "
                               "turn from violet to red there.");
    for (const report_entry& entry : data.gallery)
        html += render_entry(entry, data.panel_pixels);
    return html + "</section>\n";
}

} // namespace detail

/// The panels of a gallery entry: picture, truth (left out where `truth` is empty), map, overlay.
/// Maps and masks as in report/heat_map.hpp; scores from `brightest` on are the brightest. The picture is reduced to `longer_side` first, so that
/// outlines stay sharp.
[[nodiscard]] inline std::vector<report_panel> gallery_panels(const picture_view& picture,
                                                              in<float, 2> map,
                                                              in<float, 2> truth,
                                                              double threshold,
                                                              double brightest = 1,
                                                              int longer_side = 320) {
    const scaled_map scaled(map, threshold, brightest);
    map = scaled.map();
    threshold = scaled.threshold;
    const image_u8 base = detail::reduced(report::to_rgb(picture), longer_side);
    std::vector<report_panel> panels = {{"picture", base}};
    if (truth.size() > 0) {
        const bool defect =
            std::any_of(truth.data, truth.data + truth.size(), [](float v) { return v > 0.5f; });
        panels.push_back(
            {defect ? "truth" : "truth: no defect", report::render_truth(base, truth)});
    }
    panels.push_back({"map", report::colour_map(map, base.width, base.height, threshold)});
    panels.push_back({"overlay", report::render_inspection(base, map, threshold)});
    return panels;
}

/// The page as text. Parts without data are left out; every text is escaped. Throws errc::value for
/// a panel that cannot be encoded.
[[nodiscard]] inline std::string render_report(const report_data& data) {
    expect(data.panel_pixels >= 1, "report", "panel_pixels is at least 1");
    std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n";
    html += detail::element("title", "", data.title) + "<style>" + std::string(report_style) +
            "</style>\n</head>\n<body>\n<main>\n<header class=\"top\">\n" +
            detail::element("h1", "", data.title);
    if (!data.summary.empty())
        html += detail::element("p", "summary", data.summary);
    html += "</header>\n" + detail::render_cards(data.cards) + detail::render_metrics(data) +
            detail::render_scores(data.scores) + detail::render_gallery(data) +
            detail::render_charts(data.charts) + detail::render_run(data.run);
    return html + "<footer>Written by pfad.</footer>\n</main>\n</body>\n</html>\n";
}

/// Writes the page to a temporary name beside `path` and renames it. Throws errc::io, and leaves
/// what was there, where that fails.
inline void write_report(const std::string& path, const report_data& data) {
    const std::string html = render_report(data);
    write_atomically(path,
                     byte_span(reinterpret_cast<const std::uint8_t*>(html.data()), html.size()));
}

} // namespace pfad::report
