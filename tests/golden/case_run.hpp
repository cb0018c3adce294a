// One golden file, and one run of its case: what the case is given, and what comes out under the
// names of the file.
#pragma once

#include "values.hpp"

#include <pfad/ops/all.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace golden {

struct golden_file {
    pfad::state_dict want;
    nlohmann::json attrs;
    std::string kind;

    explicit golden_file(const std::string& path) : want(pfad::load_safetensors(path)) {
        attrs = nlohmann::json::parse(want.metadata.at("attrs"));
        kind = want.metadata.at("case");
    }
};

/// What a run computed, in PyTorch's order, by the name in the file.
using results = std::map<std::string, std::vector<double>>;

template <class T, class C>
class case_run {
public:
    C& ctx;
    const pfad::state_dict& want;
    const nlohmann::json& attrs;
    const std::string& kind;
    results got;

    case_run(C& context, const golden_file& file, noise shake)
        : ctx(context), want(file.want), attrs(file.attrs), kind(file.kind), shake_(shake) {}

    [[nodiscard]] bool has(const std::string& name) const { return want.contains(name); }

    /// An input with the noise of this run. Masks are zeros and ones and stay so; an upstream
    /// gradient only scales what is measured.
    [[nodiscard]] std::vector<double> given(const std::string& name) const {
        auto values = want.at(name).template values<double>();
        if (!name.starts_with("cot.") && name.find("mask") == std::string::npos)
            shake_.apply(name, values);
        return values;
    }
    [[nodiscard]] pfad::tensor<T, 4> input(const std::string& name) const {
        return to_nhwc<T>(ctx, want.at(name).dims, given(name));
    }
    [[nodiscard]] pfad::image<T> leaf(const std::string& name) const {
        return pfad::leaf(input(name));
    }
    [[nodiscard]] pfad::tensor<T, 1> row(const std::string& name) const {
        const auto values = given(name);
        const auto x =
            pfad::empty<T>(ctx, pfad::shape<1>{{static_cast<std::int64_t>(values.size())}});
        std::transform(values.begin(), values.end(), x.data(),
                       [](double v) { return static_cast<T>(v); });
        return x;
    }
    template <class M>
    void fill(M& m) const {
        fill_by_name<T>(m, attrs["prefix"], shake_);
    }

    void record(const std::string& name, std::vector<double> values) {
        if (!got.emplace(name, std::move(values)).second)
            throw std::runtime_error(name + " was computed twice");
    }
    void record_value(const std::string& name, double value) { record(name, {value}); }
    /// Under "prefix.name", or as a digest where the file keeps only that.
    void record_or_digest(const std::string& prefix,
                          const std::string& name,
                          const std::vector<double>& values) {
        if (has("digest." + prefix + name))
            record("digest." + prefix + name, digest(prefix + name, values));
        else
            record(prefix + name, values);
    }

    /// Writes the file's upstream gradient of an output.
    void seed(const pfad::image<T>& y, const std::string& name) const {
        const auto cot = input("cot." + name);
        const auto target = y.slot->claim(ctx, y.dims());
        std::copy_n(cot.data(), cot.size(), target.to.data);
    }
    void seed(const pfad::variable<T, 1>& y, const std::string& name) const {
        const auto cot = row("cot." + name);
        std::copy_n(cot.data(), cot.size(), y.slot->claim(ctx, y.dims()).to.data);
    }
    void record_gradient(const std::string& name, const pfad::image<T>& x) {
        if (has("grad." + name))
            record("grad." + name, to_nchw(x.gradient()));
    }
    /// Every gradient of a network's parameters, and in training its running statistics.
    template <class M>
    void record_parameters(M& m, bool train) {
        for (auto& entry : pfad::named_arrays<T>(m)) {
            if (entry.trained)
                record_or_digest("grad.", entry.name, torch_values(entry, entry.gradient()));
            else if (train)
                record("state." + entry.name, torch_values(entry, entry.values.data));
        }
    }
    /// NaN where `from` is null: a gradient that was not computed.
    static std::vector<double> torch_values(const pfad::named_array<T>& entry, T const* from) {
        std::vector<double> values(static_cast<std::size_t>(entry.size()), std::nan(""));
        if (from)
            entry.to_torch(from, std::span<double>(values));
        return values;
    }

private:
    noise shake_;
};

} // namespace golden
