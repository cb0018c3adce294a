// The one rule by which results are held against a golden file; docs/numerics.md explains it.
//   allowed = R size + K spread,  size = max(max|want|, 1e-6)
// spread is how far rounding alone carries a tensor: the largest change of it, on the reference
// backend in the type under test, when what the case is given changes by some roundings. After
// steps of training no tensor counts as steadier, relative to its size, than the median one of its
// stage. Where allowed reaches size, nothing but the number of finite values is judged.
#pragma once

#include "cases.hpp"
#include "support/backends.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace golden {

template <class T>
struct rule {
    static constexpr bool is_double = std::is_same_v<T, double>;
    static constexpr double relative = is_double ? 1e-9 : 64 * 0x1p-24;
    static constexpr double trajectory = is_double ? 1e-7 : relative;
    /// A sum of a few thousand terms is off by some roundings, so that this is what the runs with
    /// noise are given: they then cross each ReLU's kink that the run under test may cross.
    static constexpr double noise_size =
        16 * static_cast<double>(std::numeric_limits<T>::epsilon());
    static constexpr double smallest = 1e-6; ///< a tensor below it is compared as if it were this
    static constexpr double spreads = 32;    ///< K
};

struct verdict {
    int tensors = 0;
    int leaned = 0; ///< tensors whose spread more than doubled what is allowed
    int blind = 0;  ///< tensors that may be off by their own size
    std::string worst = "-";
    double error = 0, allowed = 0; ///< of the worst one, by error over allowed
    std::string problem;           ///< empty when the case passed
    std::string left;              ///< why it was not run; empty when it was

    void fail(const std::string& text) {
        if (problem.empty())
            problem = text;
    }
};

/// The largest difference; infinite where sizes differ or where one of the two alone is NaN.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    if (a.size() != b.size())
        return infinite;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))
            continue;
        const double gap = std::abs(a[i] - b[i]);
        largest = std::isnan(gap) ? infinite : std::max(largest, gap);
    }
    return largest;
}

/// What one tensor is judged by.
struct measured {
    const std::string* name;
    std::vector<double> want;
    double size, spread;
};

/// What a tensor of a trajectory belongs to: "stage1.grad", "stage1", ...; empty for any other.
inline std::string group_of(std::string name) {
    if (name.starts_with("digest."))
        name.erase(0, 7);
    if (!name.starts_with("stage"))
        return "";
    const auto dot = name.find('.');
    return name.substr(0, name.compare(dot, 6, ".grad.") == 0 ? dot + 5 : dot);
}

/// Raises each spread to that of a tensor of its size with the group's median relative spread: in a
/// chaotic run two draws happen to leave one tensor in a thousand where it was.
inline void share_spreads(std::vector<measured>& tensors) {
    std::map<std::string, std::vector<double>> relative;
    for (const auto& m : tensors)
        relative[group_of(*m.name)].push_back(m.spread / m.size);
    for (auto& [group, values] : relative)
        std::nth_element(values.begin(),
                         values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                         values.end());
    for (auto& m : tensors) {
        const auto group = group_of(*m.name);
        if (group.empty())
            continue;
        const auto& values = relative[group];
        m.spread = std::max(m.spread, m.size * values[values.size() / 2]);
    }
}

template <class T>
void judge_tensor(verdict& v, const measured& m, const std::vector<double>& got, double relative) {
    const double base = relative * m.size, allowed = base + rule<T>::spreads * m.spread;
    const double error = distance(got, m.want);
    const bool blind = allowed >= m.size;
    ++v.tensors;
    v.leaned += allowed > 2 * base;
    v.blind += blind;
    if (!blind && error * std::max(v.allowed, 1e-300) >= v.error * allowed) {
        v.worst = *m.name;
        v.error = error;
        v.allowed = allowed;
    }
    if (got.size() != m.want.size())
        v.fail(*m.name + " has " + std::to_string(got.size()) + " values, not " +
               std::to_string(m.want.size()));
    if (!std::isfinite(m.spread))
        v.fail(*m.name + " has no finite spread");
    if (!(error <= (blind ? std::numeric_limits<double>::max() : allowed)))
        v.fail(*m.name + " differs");
}

/// R of a case: rounding gathers over the steps of a trajectory.
template <class T>
double relative_of(const golden_file& file) {
    return file.kind.ends_with("trajectory") ? rule<T>::trajectory : rule<T>::relative;
}

/// `got` is the run under test; `still` and `shaken` are the reference's without and with noise.
template <class T>
verdict judge(const golden_file& file,
              const results& got,
              const results& still,
              const std::array<results, 2>& shaken) {
    verdict v;
    const double relative = relative_of<T>(file);
    std::vector<measured> tensors;
    for (const auto& [name, entry] : file.want.tensors) {
        const bool given = name.starts_with("in.") || name.starts_with("cot.") ||
                           name == "state.mask" || name.ends_with("_before");
        if (given)
            continue;
        if (!got.contains(name)) {
            v.fail(name + " was not compared");
            continue;
        }
        measured m{&name, entry.template values<double>(), rule<T>::smallest, 0};
        for (const double value : m.want)
            m.size = std::max(m.size, std::abs(value)); // a NaN leaves it as it is
        for (const auto& run : shaken)
            m.spread = std::max(m.spread, distance(run.at(name), still.at(name)));
        tensors.push_back(std::move(m));
    }
    share_spreads(tensors);
    for (const auto& m : tensors)
        judge_tensor<T>(v, m, got.at(*m.name), relative);
    for (const auto& [name, values] : got)
        if (!file.want.contains(name))
            v.fail(name + " is not in the file");
    if (v.tensors == 0)
        v.fail("nothing was compared");
    return v;
}

/// The file on a GPU, or its emulator: in every schedule, which must give the same bits.
template <class T, class C>
results run_in_every_schedule(const golden_file& file) {
    results first;
    pfad::test::for_each_schedule<C>([&](C& ctx) {
        results got = run_file<T>(ctx, file);
        for (const auto& [name, values] : first)
            if (!(distance(got.at(name), values) == 0))
                throw std::runtime_error(name + " has other bits in another order");
        first = std::move(got);
    });
    return first;
}

/// Runs one file on a context of the type C in T, unless left_out() names it. Whatever goes wrong is a
/// failure.
template <class T, class C>
verdict check_file(const std::string& path) {
    try {
        const golden_file file(path);
        if (verdict not_run; !(not_run.left = left_out(file.kind)).empty())
            return not_run;
        const auto reference = [&](noise shake) {
            pfad::cpu::context ctx;
            return run_file<T>(ctx, file, shake);
        };
        const double size = rule<T>::noise_size * relative_of<T>(file) / rule<T>::relative;
        const results still = reference({});
        const std::array<results, 2> shaken = {reference({size, 1}), reference({size, 2})};
        if constexpr (std::is_same_v<C, pfad::cpu::context>)
            return judge<T>(file, still, still, shaken);
        else if constexpr (!pfad::test::on_host<C>)
            return judge<T>(file, run_in_every_schedule<T, C>(file), still, shaken);
        else {
            C ctx;
            return judge<T>(file, run_file<T>(ctx, file), still, shaken);
        }
    } catch (const std::exception& e) {
        verdict broken;
        broken.fail(e.what());
        return broken;
    }
}

} // namespace golden
