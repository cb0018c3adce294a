// One golden file: its tensors, and the verdict that grows as results are compared with it.
#pragma once

#include "values.hpp"

#include <pfad/ops/all.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace golden {

struct comparison {
    std::string name = "-";
    double error = 0, allowed = 0;
};

struct verdict {
    int tensors = 0;
    comparison worst;    ///< by error over allowed
    std::string problem; ///< empty when the case passed
};

/// The rules of docs/numerics.md. `floor` keeps a tensor that is zero but for rounding from asking
/// for more than the element type has.
template <class T>
struct rule {
    static constexpr double relative = std::is_same_v<T, double> ? 1e-9 : 2e-3;
    static constexpr double floor = std::is_same_v<T, double> ? 1e-6 : 1e-2;
    static constexpr double trajectory = std::is_same_v<T, double> ? 1e-7 : 2e-2;
};

template <class T, class C>
class case_file {
public:
    C& ctx;
    pfad::state_dict want;
    nlohmann::json attrs;
    std::string kind;
    verdict result;

    case_file(C& context, const std::string& path)
        : ctx(context), want(pfad::load_safetensors(path)) {
        attrs = nlohmann::json::parse(want.metadata.at("attrs"));
        kind = want.metadata.at("case");
        relative_ = kind == "trajectory" ? rule<T>::trajectory : rule<T>::relative;
    }

    [[nodiscard]] bool has(const std::string& name) const { return want.contains(name); }
    [[nodiscard]] pfad::image<T> leaf(const std::string& name) {
        return pfad::leaf(to_nhwc<T>(ctx, want.at(name)));
    }
    [[nodiscard]] pfad::tensor<T, 1> row(const std::string& name) {
        const auto values = want.at(name).template values<double>();
        const auto x =
            pfad::empty<T>(ctx, pfad::shape<1>{{static_cast<std::int64_t>(values.size())}});
        std::transform(values.begin(), values.end(), x.data(),
                       [](double v) { return static_cast<T>(v); });
        return x;
    }

    /// Compares `got`, in PyTorch's order, with the file's tensor.
    void compare(const std::string& name, const std::vector<double>& got) {
        const auto expected = want.at(name).template values<double>();
        seen_.insert(name);
        ++result.tensors;
        if (expected.size() != got.size())
            return problem(name + " has " + std::to_string(got.size()) + " values, not " +
                           std::to_string(expected.size()));
        double largest = rule<T>::floor, error = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            if (std::isnan(expected[i]) && std::isnan(got[i]))
                continue;
            largest = std::max(largest, std::abs(expected[i]));
            const double gap = std::abs(got[i] - expected[i]);
            error = gap >= error
                        ? gap
                        : (std::isnan(gap) ? std::numeric_limits<double>::infinity() : error);
        }
        const double allowed = relative_ * largest;
        if (error * std::max(result.worst.allowed, 1e-300) >= result.worst.error * allowed)
            result.worst = {name, error, allowed};
        if (!(error <= allowed))
            problem(name + " differs by " + std::to_string(error));
    }
    void compare_value(const std::string& name, double got) { compare(name, std::vector{got}); }
    /// Under "prefix.name", or as a digest where the file keeps only that.
    void compare_or_digest(const std::string& prefix,
                           const std::string& name,
                           const std::vector<double>& got) {
        if (has("digest." + prefix + name))
            compare("digest." + prefix + name, digest(prefix + name, got));
        else
            compare(prefix + name, got);
    }

    /// Writes the file's upstream gradient of an output.
    void seed(const pfad::image<T>& y, const std::string& name) {
        const auto cot = to_nhwc<T>(ctx, want.at("cot." + name));
        const auto target = y.slot->claim(ctx, y.dims());
        std::copy_n(cot.data(), cot.size(), target.to.data);
    }
    void seed(const pfad::variable<T, 1>& y, const std::string& name) {
        const auto cot = row("cot." + name);
        std::copy_n(cot.data(), cot.size(), y.slot->claim(ctx, y.dims()).to.data);
    }
    void compare_gradient(const std::string& name, const pfad::image<T>& x) {
        if (has("grad." + name))
            compare("grad." + name, to_nchw(x.gradient()));
    }
    /// Every gradient of a network's parameters, and in training its running statistics.
    template <class M>
    void compare_parameters(M& m, bool train) {
        for (auto& entry : pfad::named_arrays<T>(m)) {
            if (entry.trained)
                compare_or_digest("grad.", entry.name, torch_values(entry, entry.gradient()));
            else if (train)
                compare("state." + entry.name, torch_values(entry, entry.values.data));
        }
    }
    static std::vector<double> torch_values(const pfad::named_array<T>& entry, T const* from) {
        std::vector<double> values(static_cast<std::size_t>(entry.size()), std::nan(""));
        if (from)
            entry.to_torch(from, std::span<double>(values));
        return values;
    }

    /// At the end: a result that was not compared is a failure.
    void finish() {
        for (const auto& [name, entry] : want.tensors) {
            const bool given = name.starts_with("in.") || name.starts_with("cot.") ||
                               name == "state.mask" || name.ends_with("_before");
            if (!given && !seen_.contains(name))
                problem(name + " was not compared");
        }
        if (result.tensors == 0)
            problem("nothing was compared");
    }
    void problem(const std::string& text) {
        if (result.problem.empty())
            result.problem = text;
    }

private:
    double relative_;
    std::set<std::string> seen_;
};

} // namespace golden
