// Several trainings of one category, side by side: what pfad_train --runs prints.
#pragma once

#include <pfad/evaluate/evaluator.hpp>
#include <pfad/metrics/list.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace program {

/// A row of metrics for each training, and what they are together.
class run_table {
public:
    /// The row of a training, in words.
    std::string add(std::uint64_t seed, const pfad::evaluation& found, double threshold) {
        std::string line = "seed " + std::to_string(seed) + ":";
        values_.resize(std::size(pfad::metrics::list));
        std::size_t k = 0;
        for (const auto& m : pfad::metrics::list) {
            const double value =
                (found.result.*m.value).value_or(std::numeric_limits<double>::quiet_NaN());
            values_[k++].push_back(value);
            line += std::string(k > 1 ? "," : "") + " " + m.title + " " + text(value);
        }
        std::size_t hits = 0, alarms = 0;
        for (std::size_t i = 0; i < found.scores.size(); ++i)
            if (found.scores[i] >= threshold)
                ++(found.labels[i] != 0 ? hits : alarms);
        return line + "; " + std::to_string(hits) + " of " +
               std::to_string(found.result.anomalous) + " defects found, " +
               std::to_string(alarms) + " of " + std::to_string(found.result.good) +
               " good ones flagged";
    }

    /// Mean, worst and spread (highest less lowest) of every metric, a line each.
    [[nodiscard]] std::string summary() const {
        std::string all = "of " + std::to_string(values_.empty() ? 0 : values_[0].size()) +
                          " trainings   mean   worst  spread";
        std::size_t k = 0;
        for (const auto& m : pfad::metrics::list) {
            const auto& of = values_[k++];
            const auto [low, high] = std::minmax_element(of.begin(), of.end());
            const double mean =
                std::accumulate(of.begin(), of.end(), 0.0) / static_cast<double>(of.size());
            char line[96];
            std::snprintf(line, sizeof line, "\n%-16s %s  %s  %s", m.title, text(mean).c_str(),
                          text(*low).c_str(), text(*high - *low).c_str());
            all += line;
        }
        return all;
    }

private:
    static std::string text(double value) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.4f", value);
        return std::isfinite(value) ? digits : "undefined";
    }

    std::vector<std::vector<double>> values_; // of each metric, a value a training
};

} // namespace program
