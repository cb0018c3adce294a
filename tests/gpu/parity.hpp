// Whole networks on the GPU beside the plain loops in double: losses and gradients of a step of
// each stage, what the steps leave, and the map. The rule is that of golden files, with the root
// of the mean square in place of the largest:
//   allowed = base + K spread
// spread is how far the plain loops' own result moves when every picture and parameter changes by
// some roundings of the type under test; no array counts as steadier, relative to its size, than
// the median one of its kind. Where that allows half of an array's size or more, it is counted as
// blind: gradients in bf16 are, since each layer's rounding turns some ReLUs.
#pragma once

#include "gpu/pictures.hpp"
#include "gpu/steps.hpp"
#include "support/backends.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::test {

/// Everything that a run leaves, by name.
using outcome = std::map<std::string, std::vector<double>>;

/// A relative change of every picture and parameter, by `size` times -1, 0 or 1.
inline void shake(std::vector<double>& values, const std::string& name, double size) {
    random_stream draws(5, name);
    for (double& value : values)
        value *= 1 + size * (static_cast<double>(draws.below(3)) - 1);
}

/// One step of each stage on four pictures, and the map, from the same start.
template <class T, class C>
outcome run_both_stages(C& ctx, pfadseg_options options, double noise) {
    constexpr std::int64_t side = 64;
    cpu::context plain(1);
    pfadseg<float> start(plain, options);
    start.initialise(7);
    if (noise > 0)
        visit(start, "", [&](const std::string& name, auto& p) {
            std::vector<double> values(p.value.data(), p.value.data() + p.value.size());
            shake(values, name, noise);
            std::transform(values.begin(), values.end(), p.value.data(),
                           [](double x) { return static_cast<float>(x); });
        });
    const auto picture = [&](const char* name) {
        auto values = rounded<bf16>(random_pictures(shape<4>{{4, side, side, 3}}, name));
        shake(values.data, name, noise);
        return constant(upload<T>(ctx, values));
    };
    outcome result;
    const auto record = [&](const std::string& name, const auto& x) {
        const auto values = read_elements(ctx, x);
        auto& to = result[name];
        for (const auto value : values)
            to.push_back(static_cast<double>(value));
    };
    network_steps<T, C> steps(ctx, start);
    const auto record_gradients = [&](const std::string& stage, auto& part) {
        visit_parameters(part, stage, [&](const std::string& name, auto& p) {
            record("gradient of " + name, p.slot->gradient());
        });
    };
    const auto clean = picture("clean"), corrupted = picture("corrupted");
    // Stage 2 first: it leaves the student as it is, whose update would carry rounding into it.
    steps.begin(2);
    const auto mask = upload<T>(ctx, random_mask(shape<4>{{4, side / 4, side / 4, 1}}, "mask"));
    record("loss of stage 2", steps.segmentation_gradients(corrupted, mask));
    record_gradients("segmentation", steps.network().segmentation);
    steps.update();
    steps.begin(1);
    record("loss of stage 1", steps.student_gradients(clean, corrupted));
    record_gradients("student", steps.network().student);
    steps.update();
    record("map", steps.map(corrupted));
    // As a predictor has it.
    [[maybe_unused]] cuda::fixed_networks kept;
    if constexpr (requires { ctx.fixed; })
        ctx.fixed = &kept;
    record("map of a fixed network", steps.map(corrupted));
    if constexpr (requires { ctx.fixed; })
        ctx.fixed = nullptr;
    // Of the values only those that have no gradient.
    visit(steps.exact_network(), "", [&](const std::string& name, auto& p) {
        if constexpr (!requires { p.slot; })
            record("statistics of " + name, p.value);
    });
    return result;
}

inline double root_mean_square(const std::vector<double>& x) {
    double sum = 0;
    for (const double value : x)
        sum += value * value;
    return std::sqrt(sum / static_cast<double>(x.size()));
}

/// The root of the mean square of the differences; infinite where there is none.
inline double distance(std::vector<double> a, const std::vector<double>& b) {
    if (a.size() != b.size())
        return std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < a.size(); ++i)
        a[i] -= b[i];
    const double result = root_mean_square(a);
    return std::isfinite(result) ? result : std::numeric_limits<double>::infinity();
}

/// "gradient of student", "statistics of segmentation", "map", ...
inline std::string kind_of(const std::string& name) {
    return name.substr(0, name.find('.'));
}

struct parity_rule {
    double noise;      ///< of the run that measures the spread
    double base;       ///< relative to an array's size
    double spreads;    ///< K
    double most_blind; ///< the part of all arrays that may be allowed half their own size or more
};

/// Prints a line; whether `got` keeps to the rule.
inline bool judge_parity(const char* what,
                         const outcome& got,
                         const outcome& want,
                         const outcome& shaken,
                         const parity_rule& rule) {
    // The gradient of a bias in front of batch norm is zero but for rounding: no array counts as
    // smaller than a thousandth of the largest of its kind.
    std::map<std::string, double> largest;
    std::map<std::string, std::vector<double>> spreads;
    for (const auto& [name, values] : want) {
        double& most = largest[kind_of(name)];
        most = std::max(most, root_mean_square(values));
    }
    const auto size_of = [&](const std::string& name) {
        return std::max({root_mean_square(want.at(name)), largest.at(kind_of(name)) / 1000, 1e-12});
    };
    for (const auto& [name, values] : want)
        spreads[kind_of(name)].push_back(distance(shaken.at(name), values) / size_of(name));
    for (auto& [kind, all] : spreads)
        std::sort(all.begin(), all.end());
    double worst = 0, worst_error = 0;
    int blind = 0, wrong = 0;
    std::string worst_name = "-", first_wrong;
    for (const auto& [name, values] : want) {
        const double size = size_of(name), own = distance(shaken.at(name), values) / size;
        const auto& all = spreads.at(kind_of(name));
        const double allowed = rule.base + rule.spreads * std::max(own, all[(all.size() - 1) / 2]);
        const auto found = got.find(name);
        const double error = found == got.end() ? std::numeric_limits<double>::infinity()
                                                : distance(found->second, values) / size;
        blind += allowed >= 0.5;
        if (!(error <= allowed)) {
            ++wrong;
            first_wrong = first_wrong.empty() ? name : first_wrong;
        }
        if (!(error / allowed <= worst)) {
            worst = error / allowed;
            worst_error = error;
            worst_name = name;
        }
    }
    const auto count = static_cast<double>(want.size());
    const bool ok = wrong == 0 && got.size() == want.size() && blind <= rule.most_blind * count;
    std::printf("%s %s: %zu arrays, %d wrong, %d blind; worst %.2f of what is allowed, error %.1e "
                "(%s)%s\n",
                ok ? "ok  " : "FAIL", what, want.size(), wrong, blind, worst, worst_error,
                worst_name.c_str(), wrong ? (", wrong: " + first_wrong).c_str() : "");
    std::fflush(stdout);
    return ok;
}

inline bool same_bits(const outcome& a, const outcome& b) {
    if (a.size() != b.size())
        return false;
    for (const auto& [name, values] : a) {
        const auto found = b.find(name);
        if (found == b.end() || found->second.size() != values.size() ||
            std::memcmp(found->second.data(), values.data(), values.size() * sizeof(double)) != 0)
            return false;
    }
    return true;
}

/// PFADSeg and DeSTSeg in strict float and in bf16. Ends with "N passed, N failed"; the exit
/// status.
inline int run_parity() {
    const parity_rule in_float = {16 * 0x1p-23, 64 * 0x1p-24, 8, 0.75};
    const parity_rule in_bf16 = {0x1p-8, 16 * 0x1p-8, 8, 0.8};
    int passed = 0, failed = 0;
    const auto count = [&](bool ok) { (ok ? passed : failed) += 1; };
    for (const bool on : {true, false}) {
        const std::string name = on ? "PFADSeg" : "DeSTSeg";
        const pfadseg_options options = {.rcm = on, .aff = on, .pcar = on};
        cpu::context plain;
        const auto reference = [&](double noise) {
            return run_both_stages<double>(plain, options, noise);
        };
        const auto want = reference(0);
        auto ctx = make_context<gpu_backend>(1);
        const auto first = run_both_stages<float>(ctx, options, 0);
        count(judge_parity((name + ", float").c_str(), first, want, reference(in_float.noise),
                           in_float));
        const bool again = same_bits(first, run_both_stages<float>(ctx, options, 0));
        std::printf("%s %s, float: the same bits again\n", again ? "ok  " : "FAIL", name.c_str());
        count(again);
        count(judge_parity((name + ", bf16").c_str(), run_both_stages<bf16>(ctx, options, 0), want,
                           reference(in_bf16.noise), in_bf16));
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

} // namespace pfad::test
