// Detectors in files: safetensors with PyTorch's names and order, and what is needed to run them.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/detectors/detector.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/io/torch_checkpoint.hpp>
#include <pfad/nn/weights.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace pfad {

/// What a model file says beside the weights and the options.
struct model_description {
    std::string method;     ///< which detector it is, such as "pfadseg"
    int size = 256;         ///< pictures are resized to size x size
    double threshold = 0.5; ///< image and pixel scores from here on are defects
    /// Anything else, such as the command.
    std::map<std::string, std::string, std::less<>> notes = {};
    int bits = 0; ///< picture_options::bits of its training
    /// Image scores from here up to the threshold are neither good nor a defect; 0: there are none such.
    double unsure_threshold = 0;
};

/// `format` in the metadata of a model file.
inline constexpr std::string_view model_format = "pfad";
/// `format` of files from before there were several methods: those of PFADSeg.
inline constexpr std::string_view first_model_format = "pfadseg";
/// `version` in the metadata of a model file.
inline constexpr std::string_view model_version = "1";

namespace detail {

inline const std::string& entry_of(const state_dict& file, std::string_view key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end())
        fail(errc::io,
             file.path + ": is not a pfad model (its metadata has no `" + std::string(key) + "`)");
    return found->second;
}
/// The value of an option, from the metadata.
inline void read_value(const state_dict& file, const option& o) {
    const auto& text = entry_of(file, o.name);
    if (!set_value(o, text))
        fail(errc::io, file.path + ": `" + std::string(o.name) + "` is `" + text +
                           "`, which is no value in its range");
}

} // namespace detail

/// The method of a model file. Throws errc::io where the file is not a pfad model, errc::unsupported
/// where it is of another version.
[[nodiscard]] inline std::string method_of(const state_dict& file) {
    const auto& format = detail::entry_of(file, "format");
    if (format != model_format && format != first_model_format)
        fail(errc::io, file.path + ": is not a pfad model (its format is `" + format + "`)");
    if (detail::entry_of(file, "version") != model_version)
        fail(errc::unsupported, file.path + ": is a model of version " +
                                    detail::entry_of(file, "version") +
                                    ", and this pfad reads version " + std::string(model_version));
    return format == model_format ? detail::entry_of(file, "method") : "pfadseg";
}

/// The options of a method of this name. Throws errc::unsupported where the detector has none, in the
/// name of `who`.
template <template <class, class> class D>
[[nodiscard]] auto options_of(std::string_view name, const std::string& who) {
    const auto methods = D<float, host>::methods();
    for (const auto& one : methods)
        if (one.name == name)
            return one.options;
    fail(errc::unsupported, who + ": is a model of the method `" + std::string(name) +
                                "`, and what reads it is for `" + std::string(methods[0].name) +
                                "`");
}

/// What the metadata of a model file says; `threshold` is in [0, the detector's highest score].
/// Throws as method_of().
template <template <class, class> class D>
[[nodiscard]] model_description describe_model(const state_dict& file) {
    model_description d;
    d.method = method_of(file);
    static_cast<void>(options_of<D>(d.method, file.path));
    const auto network = option_kind::network;
    const double highest = D<float, host>::scores.highest;
    detail::read_value(file, {"size", &d.size, "", network, 32, 4096});
    detail::read_value(file, {"threshold", &d.threshold, "", network, 0, highest});
    if (file.metadata.contains("unsure_threshold"))
        detail::read_value(file,
                           {"unsure_threshold", &d.unsure_threshold, "", network, 0, highest});
    if (file.metadata.contains("bits"))
        detail::read_value(file, {"bits", &d.bits, "", network, 9, 16});
    d.notes = file.metadata;
    return d;
}

/// The options of the network in a model file. Throws as describe_model(), and errc::io for a value out
/// of its range. Options of training may be absent, those of the network must be there, but for those
/// that older files cannot have.
template <template <class, class> class D>
[[nodiscard]] auto read_options(const state_dict& file) {
    auto options = options_of<D>(method_of(file), file.path);
    for (const auto& o : options.list()) {
        if (!o.before.empty() && !file.metadata.contains(o.name))
            static_cast<void>(set_value(o, o.before));
        else if (o.kind == option_kind::network || file.metadata.contains(o.name))
            detail::read_value(file, o);
    }
    return options;
}

/// The metadata of a model file.
[[nodiscard]] inline std::map<std::string, std::string, std::less<>>
to_metadata(const model_description& d, const option_list& options) {
    auto metadata = d.notes;
    metadata["format"] = model_format;
    metadata["method"] = d.method;
    metadata["version"] = model_version;
    for (const auto& o : options)
        metadata[std::string(o.name)] = value_text(o);
    metadata["size"] = std::to_string(d.size);
    metadata.erase("bits");
    if (d.bits != 0)
        metadata["bits"] = std::to_string(d.bits);
    metadata["preprocessing"] = "RGB, antialiased bilinear to size x size, / 255, ImageNet mean "
                                "0.485 0.456 0.406 and deviation 0.229 0.224 0.225";
    metadata["threshold"] = exact_text(d.threshold);
    metadata.erase("unsure_threshold");
    if (d.unsure_threshold != 0)
        metadata["unsure_threshold"] = exact_text(d.unsure_threshold);
    return metadata;
}

/// A detector of a model file, and what the file says beside it.
template <template <class, class> class D>
struct loaded_model {
    D<float, host> network;        ///< with the file's weights
    model_description description; ///< and what else it says
};

/// The model of a file that has been read, in memory of the context, which is of the host. Throws as
/// describe_model(), read_options() and from_state_dict() do.
template <template <class, class> class D, class C>
[[nodiscard]] loaded_model<D> load_model(C& memory, const state_dict& file) {
    loaded_model<D> result{D<float, host>(memory, read_options<D>(file)), describe_model<D>(file)};
    from_state_dict(result.network, file);
    return result;
}
/// Writes the network, whole or not at all.
template <template <class, class> class D>
void save_model(const std::string& path, D<float, host>& m, const model_description& d) {
    save_safetensors(path, to_state_dict(m), to_metadata(d, m.options.list()));
}

namespace detail {

/// What stands in front of a file's names of a network's arrays, such as "module" or "net.encoder": "" where
/// all are there without, or nowhere. Throws errc::io where there are several.
template <class M>
[[nodiscard]] std::string prefix_of(M& network, const state_dict& file) {
    const auto arrays = named_arrays<float>(network);
    const auto all_there = [&](const std::string& front) {
        return std::ranges::all_of(
            arrays, [&](const auto& array) { return file.contains(front + array.name); });
    };
    if (all_there(""))
        return "";
    std::string found;
    const std::string& first = arrays.front().name;
    for (const auto& [name, entry] : file.tensors) {
        if (!name.ends_with("." + first) || !all_there(name.substr(0, name.size() - first.size())))
            continue;
        const std::string front = name.substr(0, name.size() - first.size() - 1);
        if (!found.empty())
            fail(errc::io, file.path + ": has several networks of this kind, under `" + found +
                               "` and `" + front + "`");
        found = front;
    }
    return found;
}

} // namespace detail

/// What a detector has of ImageNet, each part from torchvision's resnet18: what torch.save wrote, or
/// safetensors with the same names, also where all of them have a prefix.
template <class M>
void load_pretrained(M& detector, const std::string& path) {
    const auto file = load_weights(path);
    for_each_pretrained(detector, [&](auto& part) {
        const std::string prefix = detail::prefix_of(part, file);
        // ResNet34 has all of ResNet18's names, and more blocks.
        for (const char* const block : {"layer1.2.", "layer2.2.", "layer3.2."})
            for (const auto& [name, entry] : file.tensors)
                if (name.starts_with(prefix + block))
                    fail(errc::io,
                         path + ": is not ResNet18: it has `" + name + "`, which that has not");
        from_state_dict(part, file, prefix);
    });
}

} // namespace pfad
