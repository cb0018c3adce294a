// The arrays of a network to and from files, by PyTorch's names and in its order.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/io/state_dict.hpp>
#include <pfad/nn/named_arrays.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad {

/// The arrays of a network in PyTorch's order, with the batch counters that PyTorch expects.
template <class M>
[[nodiscard]] state_entries to_state_dict(M& m, const std::string& prefix = "") {
    state_entries entries;
    for (const auto& array : named_arrays<float>(m, prefix)) {
        std::vector<float> values(static_cast<std::size_t>(array.size()));
        array.to_torch(array.values.data, std::span<float>(values));
        entries[array.name] = owned_entry(std::move(values), array.dims);
        const std::string_view statistic = "running_var";
        if (array.name.ends_with(statistic))
            entries[array.name.substr(0, array.name.size() - statistic.size()) +
                    "num_batches_tracked"] = owned_entry(std::vector<std::int64_t>{0}, {});
    }
    return entries;
}

/// Each of the arrays of a network on the host from the file's array of its name. Throws errc::io
/// for a missing one, errc::unsupported for one of a type that pfad does not read, errc::shape for one of another shape, errc::value for a value that is not
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

} // namespace pfad
