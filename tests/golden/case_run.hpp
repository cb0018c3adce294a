// One golden file, and one run of its case: what the case is given, and what comes out under the
// names of the file.
#pragma once

#include "values.hpp"

#include <pfad/nn/copy_arrays.hpp>
#include <pfad/nn/pcar.hpp>
#include <pfad/ops/all.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
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

    /// Whether the case has PCAR blocks.
    [[nodiscard]] bool has_pcar() const {
        static const std::set<std::string> with = {"residual_block", "student", "segmentation",
                                                   "pfadseg", "trajectory"};
        return kind == "pcar" || (with.contains(kind) && attrs.value("pcar", true));
    }
};

/// How the networks of all runs compute PCAR.
inline pfad::nn::pcar_path pcar_path = pfad::nn::pcar_path::measured;

/// What a run computed, in PyTorch's order, by the name in the file.
using results = std::map<std::string, std::vector<double>>;

template <class T, class C>
class case_run {
public:
    using space = typename C::space;
    static constexpr bool on_host = std::is_same_v<space, pfad::host>;
    template <template <class, class> class M>
    using placed = M<T, space>;
    using maps = pfad::maps<T, space>;

    C& ctx;
    pfad::cpu::context plain{1}; ///< for what is prepared on the host
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
    [[nodiscard]] auto input(const std::string& name) { return on_backend(host_input(name)); }
    [[nodiscard]] pfad::tensor<T, 4> host_input(const std::string& name) {
        return to_nhwc<T>(plain, want.at(name).dims, given(name));
    }
    [[nodiscard]] maps leaf(const std::string& name) { return pfad::leaf(input(name)); }
    [[nodiscard]] auto row(const std::string& name) {
        const auto values = given(name);
        const auto x =
            pfad::empty<T>(plain, pfad::shape<1>{{static_cast<std::int64_t>(values.size())}});
        std::transform(values.begin(), values.end(), x.data(),
                       [](double v) { return static_cast<T>(v); });
        return on_backend(x);
    }
    /// M<T, space>(context, sizes...) with the values that belong to its names.
    template <template <class, class> class M, class... A>
    [[nodiscard]] placed<M> filled(const A&... sizes) {
        return filled_from<M>(attrs["prefix"], sizes...);
    }
    /// The same under another prefix than the file's.
    template <template <class, class> class M, class... A>
    [[nodiscard]] placed<M> filled_from(const std::string& prefix, const A&... sizes) {
        M<T, pfad::host> m(plain, sizes...);
        fill_by_name<T>(m, prefix, shake_);
        if constexpr (on_host)
            return m;
        else {
            placed<M> there(ctx, sizes...);
            pfad::copy_arrays(ctx, m, there);
            return there;
        }
    }

    /// The same elements in the backend's memory.
    template <int R>
    [[nodiscard]] pfad::tensor<T, R, space> on_backend(const pfad::tensor<T, R>& x) {
        if constexpr (on_host)
            return x;
        else {
            const auto there = pfad::empty<T>(ctx, x.dims());
            copy(ctx, x, there.view());
            synchronise(ctx);
            return there;
        }
    }
    /// The same elements on the host.
    template <int R>
    [[nodiscard]] pfad::tensor<T, R> on_the_host(const pfad::tensor<T, R, space>& x) {
        if constexpr (on_host)
            return x;
        else {
            const auto here = pfad::empty<T>(plain, x.dims());
            copy(ctx, x, here.view());
            synchronise(ctx);
            return here;
        }
    }

    void record(const std::string& name, std::vector<double> values) {
        if (!got.emplace(name, std::move(values)).second)
            throw std::runtime_error(name + " was computed twice");
    }
    void record_value(const std::string& name, double value) { record(name, {value}); }
    void record_image(const std::string& name, const pfad::tensor<T, 4, space>& x) {
        record(name, to_nchw(on_the_host(x)));
    }
    void record_row(const std::string& name, const pfad::tensor<T, 1, space>& x) {
        record(name, to_row(on_the_host(x)));
    }
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
    void seed(const maps& y, const std::string& name) {
        copy(ctx, input("cot." + name), y.slot->claim(ctx, y.dims()).to);
    }
    void seed(const pfad::variable<T, 1, space>& y, const std::string& name) {
        copy(ctx, row("cot." + name), y.slot->claim(ctx, y.dims()).to);
    }
    void record_gradient(const std::string& name, const maps& x) {
        if (has("grad." + name))
            record_image("grad." + name, x.gradient());
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
    std::vector<double> torch_values(const pfad::named_array<T>& entry, const T* from) {
        std::vector<double> values(static_cast<std::size_t>(entry.size()), std::nan(""));
        if (from) {
            const auto here = pfad::empty<T>(plain, pfad::shape<1>{{entry.size()}});
            copy(ctx, pfad::view<const T, 1>{from, here.dims()}, here.view());
            synchronise(ctx);
            entry.to_torch(here.data(), std::span<double>(values));
        }
        return values;
    }

private:
    noise shake_;
};

} // namespace golden
