// Checkpoints: what a run needs to go on from.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/train/run_options.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace pfad::train {

namespace detail {

inline constexpr std::string_view of_run = "run."; // in front of a fingerprint's names

} // namespace detail

/// Writes a checkpoint, whole or not at all: the arrays of the network and, within a stage, of its
/// optimiser, and the next iteration over all stages.
inline void save_checkpoint(const std::string& path,
                            const state_entries& arrays,
                            std::int64_t iteration,
                            const fingerprint& run) {
    std::map<std::string, std::string, std::less<>> metadata;
    metadata["iteration"] = std::to_string(iteration);
    for (const auto& [name, text] : run)
        metadata[std::string(detail::of_run) + name] = text;
    save_safetensors(path, arrays, metadata);
}

/// The iteration of a checkpoint of this very run, at most `last`. Throws errc::value where another
/// run has written it, naming what differs, errc::io where the file is not a checkpoint.
[[nodiscard]] inline std::int64_t
checkpoint_iteration(const state_dict& file, const fingerprint& run, std::int64_t last) {
    const auto found = file.metadata.find("iteration");
    if (found == file.metadata.end())
        fail(errc::io, file.path + ": is not a checkpoint (it has no `iteration`)");
    if (file.metadata.contains("fingerprint"))
        fail(errc::unsupported, file.path + ": is a checkpoint of an earlier pfad, which wrote its "
                                            "options in another form");
    for (const auto& [name, here] : run) {
        const auto there = file.metadata.find(std::string(detail::of_run) + name);
        const std::string was = there == file.metadata.end() ? "absent" : "`" + there->second + "`";
        if (was != "`" + here + "`")
            fail(errc::value, file.path +
                                  ": was written by a run with other options or pictures: `" +
                                  name + "` was " + was + " and is now `" + here + "`");
    }
    const double at = number_of(found->second);
    if (!(at >= 0 && at <= static_cast<double>(last) && at == std::floor(at)))
        fail(errc::io, file.path + ": `iteration` is `" + found->second +
                           "`, which is no value in its range");
    return static_cast<std::int64_t>(at);
}

} // namespace pfad::train
