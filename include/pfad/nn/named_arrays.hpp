// The named arrays of a network as PyTorch names and orders them: what checkpoints hold.
#pragma once

#include <pfad/nn/module.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pfad {

/// One named array of a network. Of a network on a device it is the names and extents that count:
/// `values` and `gradient()` point into the device.
template <class T>
struct named_array {
    /// PyTorch's.
    std::string name;
    std::vector<std::int64_t> dims; ///< PyTorch's: (k, c, r, s), (c, 1, r, s) or (c)
    parameter_form form;            ///< how the axes map to PyTorch's
    bool trained;                   ///< a parameter, not a running statistic
    view<T, 4> values;              ///< pfad's order; a vector is (1, 1, 1, c)
    /// Of the whole parameter; null of a running statistic.
    const gradient_state<accumulator_t<T>>* slot = nullptr;
    std::int64_t offset = 0; ///< of this part inside the parameter
    weight_stamp stamp = {}; ///< of the parameter's contents

    /// Number of elements.
    [[nodiscard]] std::int64_t size() const { return values.size(); }

    /// `from` in pfad's order, to PyTorch's.
    template <class U>
    void to_torch(T const* from, std::span<U> to) const {
        each([&](std::int64_t here, std::int64_t there) {
            to[static_cast<std::size_t>(there)] = static_cast<U>(from[here]);
        });
    }
    /// `from` in PyTorch's order, into the network, which is on the host.
    template <class U>
    void from_torch(std::span<const U> from) {
        each([&](std::int64_t here, std::int64_t there) {
            values.data[here] = static_cast<T>(from[static_cast<std::size_t>(there)]);
        });
        stamp.touch();
    }
    /// The gradient in pfad's order, null where none was computed.
    [[nodiscard]] T const* gradient() const {
        return slot && slot->written() ? slot->data() + offset : nullptr;
    }

private:
    // Calls f(index in pfad's order, index in PyTorch's order) for every element.
    template <class F>
    void each(F&& f) const {
        const auto [k, r, s, c] = values.dims.extent;
        const bool moved = form != parameter_form::vector;
        for (std::int64_t ki = 0; ki < k; ++ki)
            for (std::int64_t tap = 0; tap < r * s; ++tap)
                for (std::int64_t ci = 0; ci < c; ++ci) {
                    // depthwise has k = 1, so both forms move the channel in front of the taps.
                    std::int64_t const here = (ki * r * s + tap) * c + ci;
                    f(here, moved ? (ki * c + ci) * r * s + tap : here);
                }
    }
};

/// Every parameter and running statistic below `m`, in the order of the field lists.
template <class T, class M>
[[nodiscard]] std::vector<named_array<T>> named_arrays(M& m, const std::string& prefix = "") {
    std::vector<named_array<T>> entries;
    visit(m, prefix, [&]<class P>(const std::string& name, P& p) {
        constexpr bool trained = requires {
            p.slot;
        };
        auto const& dims = p.value.dims();
        if constexpr (requires { dims[3]; } && std::remove_cvref_t<decltype(p.value)>::rank == 4) {
            shape<4> const part = {{dims[0] / p.parts, dims[1], dims[2], dims[3]}};
            auto const at = name.find("{}");
            for (int i = 0; i < p.parts; ++i) {
                std::string key = name;
                if (at != std::string::npos)
                    key.replace(at, 2, std::to_string(i));
                bool const deep = p.form == parameter_form::depthwise;
                entries.push_back({key,
                                   deep ? std::vector{part[3], part[0], part[1], part[2]}
                                        : std::vector{part[0], part[3], part[1], part[2]},
                                   p.form,
                                   trained,
                                   {p.value.data() + i * part.size(), part},
                                   p.slot.get(),
                                   i * part.size(),
                                   p.stamp});
            }
        } else {
            named_array<T> entry{name,
                                 {dims[0]},
                                 parameter_form::vector,
                                 trained,
                                 {p.value.data(), {{1, 1, 1, dims[0]}}}};
            if constexpr (trained) {
                entry.slot = p.slot.get();
                entry.stamp = p.stamp;
            }
            entries.push_back(entry);
        }
    });
    return entries;
}

} // namespace pfad
