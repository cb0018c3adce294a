// What the programs say of an inspected picture: a line of text, or an object of JSON.
#pragma once

#include "support/program.hpp"

#include <pfad/detect/inspector.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace pfad::detect {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(region, left, top, width, height, area, peak, mean)

} // namespace pfad::detect

namespace program {

/// How many regions there are, and where the largest is: "3 regions, the largest 41x17 at (120, 88)".
inline std::string regions_text(const std::vector<pfad::detect::region>& regions) {
    if (regions.empty())
        return "no region";
    const auto largest =
        std::max_element(regions.begin(), regions.end(),
                         [](const auto& a, const auto& b) { return a.area < b.area; });
    char box[80];
    std::snprintf(box, sizeof box, "%dx%d at (%d, %d)", largest->width, largest->height,
                  largest->left, largest->top);
    return regions.size() == 1 ? std::string("1 region, ") + box
                               : std::to_string(regions.size()) + " regions, the largest " + box;
}

inline const char* verdict_text(const pfad::detect::inspection& found) {
    return found.defect ? "DEFECT" : found.unsure ? "UNSURE" : "good";
}

/// Name, score, threshold and verdict; of a defect the regions, too; last, where it is written the
/// file with the heat map.
inline std::string text_line(const std::string& name,
                             const pfad::detect::inspection& found,
                             double threshold,
                             const pfad::score_range& range,
                             const std::string& heat_map) {
    return name + "  score " + score_text(found.score, range) + "  threshold " +
           score_text(threshold, range) + "  " + verdict_text(found) +
           (found.defect ? "  " + regions_text(found.regions) : "") +
           (heat_map.empty() ? "" : "  " + heat_map);
}

/// The same with every region; keys as in docs/file_formats.md.
inline nlohmann::json json_line(const std::string& name,
                                const pfad::detect::inspection& found,
                                double threshold,
                                const std::string& heat_map) {
    nlohmann::json line = {{"picture", name},
                           {"score", found.score},
                           {"threshold", threshold},
                           {"defect", found.defect},
                           {"unsure", found.unsure}};
    line["heat_map"] = heat_map.empty() ? nlohmann::json(nullptr) : nlohmann::json(heat_map);
    line["regions"] = found.regions;
    return line;
}

} // namespace program
