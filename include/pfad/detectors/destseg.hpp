// Checkpoints of DeSTSeg (Zhang et al. 2023), the network with RCM, AFF and PCAR off: what its
// train.py saves, the state dict of the whole network. Both networks compute the same but for one
// sign: DeSTSeg multiplies the similarities by -1, pfad does not. Here the weights that meet them
// are multiplied, which is exact.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/io/torch_checkpoint.hpp>
#include <pfad/nn/weights.hpp>

#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace pfad {

/// DeSTSeg's name of an array of a pfadseg with RCM, AFF and PCAR off.
[[nodiscard]] inline std::string destseg_name(std::string name) {
    static constexpr std::pair<std::string_view, std::string_view> parts[] = {
        {"teacher.", "teacher_net.encoder."},
        {"student.encoder.", "student_net.encoder."},
        {"student.decoder", "student_net.decoder_layer"},
        {"segmentation.res.", "segmentation_net.res."},
        {"segmentation.context.pool.", "segmentation_net.head.0.aspp_feature_extractors.0.1."},
        {"segmentation.context.atrous.0.", "segmentation_net.head.0.aspp_feature_extractors.1."},
        {"segmentation.context.atrous.1.", "segmentation_net.head.0.aspp_feature_extractors.2."},
        {"segmentation.context.atrous.2.", "segmentation_net.head.0.aspp_feature_extractors.3."},
        {"segmentation.context.fuse.", "segmentation_net.head.0.aspp_fusion_layer."},
        {"segmentation.head.", "segmentation_net.head.1."},
        {"segmentation.head_bn.", "segmentation_net.head.2."},
        {"segmentation.out.", "segmentation_net.head.4."}};
    const bool in_aspp = name.starts_with("segmentation.context.");
    for (const auto& [here, there] : parts)
        if (name.starts_with(here)) {
            name.replace(0, here.size(), there);
            break;
        }
    if (const auto norm = name.find(".bn."); in_aspp && norm != std::string::npos)
        name.replace(norm, 4, ".norm.");
    return name;
}

/// The network from a checkpoint of DeSTSeg; its RCM, AFF and PCAR are off, else errc::value.
/// Neither size nor threshold is in the file: DeSTSeg's pictures have 256 x 256 pixels. Throws
/// errc::io where the file lacks an array or has one more, else as read_arrays() and
/// load_torch_checkpoint() do, and leaves the network unchanged then.
inline void load_destseg(pfadseg<float>& model, const std::string& path) {
    expect(!model.options.rcm && !model.options.aff && !model.options.pcar, "load_destseg",
           "the network has RCM, AFF and PCAR off");
    const auto file = load_torch_checkpoint(path);
    auto arrays = named_arrays<float>(model);
    std::set<std::string, std::less<>> known;
    for (auto& array : arrays) {
        array.name = destseg_name(std::move(array.name));
        known.insert(array.name);
        if (const auto at = array.name.rfind("running_var"); at != std::string::npos)
            known.insert(array.name.substr(0, at) + "num_batches_tracked"); // of no use here
    }
    for (const auto& named : file.tensors)
        if (!known.contains(named.first))
            fail(errc::io, path + ": tensor `" + named.first + "` is none of DeSTSeg's");
    read_arrays(std::move(arrays), file);
    auto& first = model.segmentation.res.first;
    for (auto* const reader : {&first.conv1, &*first.downsample_conv})
        for (float& w : elements(reader->weight))
            w = -w;
}

} // namespace pfad
