// The named arrays of a network as PyTorch names and orders them: what checkpoints hold.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/core/view.hpp>
#include <pfad/nn/module.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

/// One named array of a network. Of a network on a device it is the names and extents that count:
/// `values` and `gradient()` point into the device.
template <class T>
struct named_array {
    /// PyTorch's.
    std::string name;
    /// PyTorch's: (k, c, r, s), (c, 1, r, s), or pfad's own; -1 is what the file has.
    std::vector<std::int64_t> dims;
    parameter_form form; ///< how the axes map to PyTorch's
    bool trained;        ///< a parameter, not a running statistic
    view<T, 1> values;   ///< pfad's order; null of a state without memory
    /// Of the whole parameter; null of a running statistic.
    const gradient_state<accumulator_t<T>>* slot = nullptr;
    std::int64_t offset = 0; ///< of this part inside the parameter
    weight_stamp stamp = {}; ///< of the parameter's contents
    void* owner = nullptr;   ///< of a state without memory, on the host: its tensor
    /// Gives the owner memory for so many elements.
    view<T, 1> (*allocate)(void* owner, std::int64_t size) = nullptr;

    /// Number of elements.
    [[nodiscard]] std::int64_t size() const { return values.size(); }

    /// `from` in pfad's order, to PyTorch's.
    template <class U>
    void to_torch(const T* from, std::span<U> to) const {
        each([&](std::int64_t here, std::int64_t there) {
            to[static_cast<std::size_t>(there)] = static_cast<U>(from[here]);
        });
    }
    /// `from` in PyTorch's order, into the network, which is on the host. A state without memory
    /// gets as much as it takes.
    template <class U>
    void from_torch(std::span<const U> from) {
        if (!values.data && allocate)
            fit(static_cast<std::int64_t>(from.size()));
        each([&](std::int64_t here, std::int64_t there) {
            values.data[here] = static_cast<T>(from[static_cast<std::size_t>(there)]);
        });
        stamp.touch();
    }
    /// The gradient in pfad's order, null where none was computed.
    [[nodiscard]] const T* gradient() const {
        return slot && slot->written() ? slot->data() + offset : nullptr;
    }

private:
    // Calls f(index in pfad's order, index in PyTorch's order) for every element.
    template <class F>
    void each(F&& f) const {
        if (form == parameter_form::same) {
            for (std::int64_t i = 0; i < size(); ++i)
                f(i, i);
            return;
        }
        // depthwise has k = 1, so both forms move the channel in front of the taps.
        const bool deep = form == parameter_form::depthwise;
        const std::int64_t k = deep ? 1 : dims[0], c = deep ? dims[0] : dims[1];
        const std::int64_t taps = dims[2] * dims[3];
        for (std::int64_t ki = 0; ki < k; ++ki)
            for (std::int64_t tap = 0; tap < taps; ++tap)
                for (std::int64_t ci = 0; ci < c; ++ci)
                    f((ki * taps + tap) * c + ci, (ki * c + ci) * taps + tap);
    }

    void fit(std::int64_t count) {
        std::int64_t row = 1;
        for (std::size_t axis = 1; axis < dims.size(); ++axis)
            row *= dims[axis];
        expect(row > 0 && count % row == 0, "from_torch", "the elements are whole rows");
        dims[0] = count / row;
        values = allocate(owner, count);
    }
};

namespace detail {

// In PyTorch's order.
template <int R>
std::vector<std::int64_t> torch_dims(const shape<R>& d, parameter_form form) {
    if constexpr (R == 4) {
        if (form == parameter_form::depthwise)
            return {d[3], d[0], d[1], d[2]};
        if (form == parameter_form::conv)
            return {d[0], d[3], d[1], d[2]};
    }
    return {d.extent, d.extent + R};
}

// Memory for `size` elements in a tensor on the host, in rows as it has them.
template <class T, int R>
view<T, 1> allocate_rows(void* owner, std::int64_t size) {
    auto& value = *static_cast<tensor<T, R>*>(owner);
    shape<R> dims = value.dims();
    dims.extent[0] = 1;
    dims.extent[0] = size / dims.size();
    value = {std::make_shared<T[]>(static_cast<std::size_t>(size)), dims};
    return value.flat().view();
}

} // namespace detail

/// Every parameter and state below `m`, of rank 1 to 4, in the order of the field lists.
template <class T, class M>
[[nodiscard]] std::vector<named_array<T>> named_arrays(M& m, const std::string& prefix = "") {
    std::vector<named_array<T>> entries;
    visit(m, prefix, [&]<class P>(const std::string& name, P& p) {
        constexpr bool trained = requires {
            p.slot;
        };
        constexpr int rank = decltype(p.value)::rank;
        static_assert(rank >= 1 && rank <= 4);
        if constexpr (trained) {
            shape<rank> part = p.dims();
            part.extent[0] /= p.parts;
            const auto at = name.find("{}");
            for (int i = 0; i < p.parts; ++i) {
                std::string key = name;
                if (at != std::string::npos)
                    key.replace(at, 2, std::to_string(i));
                const std::int64_t offset = i * part.size();
                entries.push_back({key,
                                   detail::torch_dims(part, p.form),
                                   p.form,
                                   trained,
                                   {p.value.data() + offset, {{part.size()}}},
                                   p.slot.get(),
                                   offset,
                                   p.stamp});
            }
        } else {
            constexpr auto form = rank == 4 ? parameter_form::conv : parameter_form::same;
            named_array<T> entry{name,
                                 detail::torch_dims(p.value.dims(), form),
                                 form,
                                 trained,
                                 {p.value.data(), {{p.value.size()}}}};
            if (!p.value) {
                entry.dims[0] = -1;
                if constexpr (std::is_same_v<typename decltype(p.value)::space, host>) {
                    entry.owner = &p.value;
                    entry.allocate = detail::allocate_rows<T, rank>;
                }
            }
            entries.push_back(std::move(entry));
        }
    });
    return entries;
}

} // namespace pfad
