// Networks in files: safetensors with PyTorch's names and order, and what is needed to run them.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/io/torch_checkpoint.hpp>
#include <pfad/models/pfadseg.hpp>
#include <pfad/nn/named_arrays.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace pfad {

/// What a model file says beside the weights.
struct model_description {
    pfadseg_options options; ///< which parts the network has
    int size = 256;          ///< pictures are resized to size x size
    double threshold = 0.5;  ///< image and pixel scores from here on are defects, in [0, 1]
    std::map<std::string, std::string, std::less<>> notes; ///< anything else, such as the command
};

/// `format` in the metadata of a model file.
inline constexpr std::string_view model_format = "pfadseg";
/// `version` in the metadata of a model file.
inline constexpr std::string_view model_version = "1";

/// The arrays of a network in PyTorch's order, with the batch counters that PyTorch expects.
template <class M>
[[nodiscard]] state_entries to_state_dict(M& m, const std::string& prefix = "") {
    state_entries entries;
    for (const auto& array : named_arrays<float>(m, prefix)) {
        std::vector<float> values(static_cast<std::size_t>(array.size()));
        array.to_torch(array.values.data, std::span<float>(values));
        entries[array.name] = owned_entry(std::move(values), array.dims);
        std::string_view const statistic = "running_var";
        if (array.name.ends_with(statistic))
            entries[array.name.substr(0, array.name.size() - statistic.size()) +
                    "num_batches_tracked"] = owned_entry(std::vector<std::int64_t>{0}, {});
    }
    return entries;
}

/// Each of the arrays of a network on the host from the file's array of its name. Throws errc::io
/// for a missing one, errc::shape for one of another shape, errc::value for a value that is not
/// finite, and leaves the network unchanged then.
inline void read_arrays(std::vector<named_array<float>> arrays, const state_dict& file) {
    for (const auto& array : arrays) {
        const auto values = file.at(array.name, array.dims).values<float>();
        if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
            fail(errc::value,
                 file.path + ": tensor `" + array.name + "` holds a value that is not finite");
    }
    for (auto& array : arrays) {
        const auto values = file.at(array.name).values<float>();
        array.from_torch(std::span<const float>(values));
    }
}

/// Every array of the network from the file, by its name here. Throws as read_arrays() does.
template <class M>
void from_state_dict(M& m, const state_dict& file, const std::string& prefix = "") {
    read_arrays(named_arrays<float>(m, prefix), file);
}

/// The teacher from torchvision's resnet18: a .pth, or safetensors with the same names.
template <class S>
void load_teacher(resnet18<float, S>& teacher, const std::string& path) {
    const bool torch = path.ends_with(".pth") || path.ends_with(".pt");
    from_state_dict(teacher, torch ? load_torch_checkpoint(path) : load_safetensors(path));
}

namespace detail {

inline std::string on_off(bool on) {
    return on ? "on" : "off";
}

inline std::string exact(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr}; // in the C locale always
}

inline const std::string& entry_of(const state_dict& file, std::string_view key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end())
        fail(errc::io,
             file.path + ": is not a pfad model (its metadata has no `" + std::string(key) + "`)");
    return found->second;
}
inline bool flag_of(const state_dict& file, std::string_view key) {
    const auto& text = entry_of(file, key);
    if (text != "on" && text != "off")
        fail(errc::io, file.path + ": `" + std::string(key) + "` is neither on nor off");
    return text == "on";
}
/// A number in its range, written in the C locale; an int has no fraction.
template <class Number>
Number number_of(const state_dict& file, std::string_view key, Number low, Number high) {
    const auto& text = entry_of(file, key);
    Number value = 0;
    const char* const last = text.data() + text.size();
    const auto [end, problem] = std::from_chars(text.data(), last, value);
    if (problem != std::errc() || end != last || !(value >= low && value <= high))
        fail(errc::io, file.path + ": `" + std::string(key) + "` is `" + text +
                           "`, which is no number in its range");
    return value;
}

} // namespace detail

/// The metadata of a model file.
[[nodiscard]] inline std::map<std::string, std::string, std::less<>>
to_metadata(const model_description& d) {
    auto metadata = d.notes;
    metadata["format"] = model_format;
    metadata["version"] = model_version;
    metadata["rcm"] = detail::on_off(d.options.rcm);
    metadata["aff"] = detail::on_off(d.options.aff);
    metadata["pcar"] = detail::on_off(d.options.pcar);
    metadata["plain_decoder"] = detail::on_off(d.options.plain_decoder);
    metadata["rcm_band"] = std::to_string(d.options.rcm_detail.band);
    metadata["rcm_mlp_ratio"] = std::to_string(d.options.rcm_detail.mlp_ratio);
    metadata["size"] = std::to_string(d.size);
    metadata["preprocessing"] = "RGB, antialiased bilinear to size x size, / 255, ImageNet mean "
                                "0.485 0.456 0.406 and deviation 0.229 0.224 0.225";
    metadata["threshold"] = detail::exact(d.threshold);
    return metadata;
}

/// What the metadata of a model file says. Throws errc::io where the file is not a pfad model,
/// errc::unsupported where it is of another version.
[[nodiscard]] inline model_description describe_model(const state_dict& file) {
    if (detail::entry_of(file, "format") != model_format)
        fail(errc::io, file.path + ": is not a pfad model (its format is `" +
                           detail::entry_of(file, "format") + "`)");
    if (detail::entry_of(file, "version") != model_version)
        fail(errc::unsupported, file.path + ": is a model of version " +
                                    detail::entry_of(file, "version") +
                                    ", and this pfad reads version " + std::string(model_version));
    model_description d;
    d.options.rcm = detail::flag_of(file, "rcm");
    d.options.aff = detail::flag_of(file, "aff");
    d.options.pcar = detail::flag_of(file, "pcar");
    d.options.plain_decoder = detail::flag_of(file, "plain_decoder");
    d.options.rcm_detail.band = detail::number_of(file, "rcm_band", 1, 1023);
    d.options.rcm_detail.mlp_ratio = detail::number_of(file, "rcm_mlp_ratio", 1, 64);
    d.size = detail::number_of(file, "size", 32, 4096);
    d.threshold = detail::number_of(file, "threshold", 0.0, 1.0);
    d.notes = file.metadata;
    return d;
}

/// Writes the network, whole or not at all.
template <class S>
void save_model(const std::string& path, pfadseg<float, S>& m, const model_description& d) {
    save_safetensors(path, to_state_dict(m), to_metadata(d));
}

} // namespace pfad
