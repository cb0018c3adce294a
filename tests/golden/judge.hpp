// The one rule by which results are held against a golden file; docs/numerics.md explains it.
//   allowed = R max(max|want|, 1e-6) + K spread
// spread is how far rounding alone carries a tensor: the largest change of it, on the reference
// backend in the type under test, when what the case is given changes by some roundings.
#pragma once

#include "cases.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace golden {

template <class T>
struct rule {
    static constexpr bool is_double = std::is_same_v<T, double>;
    static constexpr double relative = is_double ? 1e-9 : 64 * 0x1p-24;
    static constexpr double trajectory = is_double ? 1e-7 : relative;
    static constexpr double noise_size =
        16 * static_cast<double>(std::numeric_limits<T>::epsilon());
    static constexpr double smallest = 1e-6; ///< a tensor below it is compared as if it were this
    static constexpr double spreads = 16;    ///< K
};

struct verdict {
    int tensors = 0;
    int leaned = 0; ///< tensors whose spread more than doubled what is allowed
    int blind = 0;  ///< tensors that may be off by their own size
    std::string worst = "-";
    double error = 0, allowed = 0; ///< of the worst one, by error over allowed
    std::string problem;           ///< empty when the case passed

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

template <class T>
void judge_tensor(verdict& v,
                  const std::string& name,
                  const std::vector<double>& want,
                  const std::vector<double>& got,
                  double spread,
                  double relative) {
    double size = 0;
    for (const double value : want)
        size = std::max(size, std::abs(value)); // a NaN leaves it as it is
    const double base = relative * std::max(size, rule<T>::smallest);
    const double allowed = base + rule<T>::spreads * spread, error = distance(got, want);
    ++v.tensors;
    v.leaned += allowed > 2 * base;
    v.blind += allowed >= std::max(size, rule<T>::smallest);
    if (error * std::max(v.allowed, 1e-300) >= v.error * allowed) {
        v.worst = name;
        v.error = error;
        v.allowed = allowed;
    }
    if (got.size() != want.size())
        v.fail(name + " has " + std::to_string(got.size()) + " values, not " +
               std::to_string(want.size()));
    if (std::getenv("NEED") && error > base)
        std::fprintf(stderr, "need %8.2f blind %d %s error %g base %g\n", (error - base) / spread,
                     allowed >= std::max(size, rule<T>::smallest), name.c_str(), error,
                     base); // TEMPORARY
    if (!std::isfinite(spread))
        v.fail(name + " has no finite spread");
    if (!(error <= allowed))
        v.fail(name + " differs");
}

/// `got` is the run under test; `still` and `shaken` are the reference's without and with noise.
template <class T>
verdict judge(const golden_file& file,
              const results& got,
              const results& still,
              const std::array<results, 2>& shaken) {
    verdict v;
    const double relative = file.kind == "trajectory" ? rule<T>::trajectory : rule<T>::relative;
    for (const auto& [name, entry] : file.want.tensors) {
        const bool given = name.starts_with("in.") || name.starts_with("cot.") ||
                           name == "state.mask" || name.ends_with("_before");
        if (given)
            continue;
        if (!got.contains(name)) {
            v.fail(name + " was not compared");
            continue;
        }
        const double spread = std::max(distance(shaken[0].at(name), still.at(name)),
                                       distance(shaken[1].at(name), still.at(name)));
        judge_tensor<T>(v, name, entry.template values<double>(), got.at(name), spread, relative);
    }
    for (const auto& [name, values] : got)
        if (!file.want.contains(name))
            v.fail(name + " is not in the file");
    if (v.tensors == 0)
        v.fail("nothing was compared");
    return v;
}

/// Runs one file on a context of the type C in T. Whatever goes wrong is a failure.
template <class T, class C>
verdict check_file(const std::string& path) {
    try {
        const golden_file file(path);
        const auto reference = [&](noise shake) {
            pfad::cpu::context ctx;
            return run_file<T>(ctx, file, shake);
        };
        constexpr double size = rule<T>::noise_size;
        const results still = reference({});
        const std::array<results, 2> shaken = {reference({size, 1}), reference({size, 2})};
        if constexpr (std::is_same_v<C, pfad::cpu::context>)
            return judge<T>(file, still, still, shaken);
        C ctx;
        return judge<T>(file, run_file<T>(ctx, file), still, shaken);
    } catch (const std::exception& e) {
        verdict broken;
        broken.fail(e.what());
        return broken;
    }
}

} // namespace golden
