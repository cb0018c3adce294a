// Named arrays of run-time type and rank: what a file of weights holds, whatever its format.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/view.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

/// The element types that pfad reads; it writes the first four. `other` stands for all that it does not
/// read: an array of these may be in a file, as long as nobody asks for its elements.
enum class dtype { f32, f64, i64, u8, f16, bf16, other };

/// Bytes of an element; 1 where they are not known.
[[nodiscard]] constexpr std::int64_t size_of(dtype type) {
    return type == dtype::u8 || type == dtype::other   ? 1
           : type == dtype::f16 || type == dtype::bf16 ? 2
           : type == dtype::f32                        ? 4
                                                       : 8;
}

/// The name that safetensors uses, "F32".
[[nodiscard]] constexpr std::string_view name_of(dtype type) {
    constexpr std::string_view names[] = {"F32", "F64", "I64", "U8", "F16", "BF16", "other"};
    return names[static_cast<int>(type)];
}

/// The element types that files hold.
template <class T>
concept stored = std::same_as<T, float> || std::same_as<T, double> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint8_t>;

/// The dtype of a C++ type.
template <stored T>
inline constexpr dtype dtype_of = std::same_as<T, float>          ? dtype::f32
                                  : std::same_as<T, double>       ? dtype::f64
                                  : std::same_as<T, std::int64_t> ? dtype::i64
                                                                  : dtype::u8;

/// The value of a number in 16 bits, of which `exponent` are its exponent's: 5 in F16, 8 in BF16.
[[nodiscard]] inline float float_of_half(std::uint16_t bits, int exponent) {
    const int fraction = 15 - exponent, bias = (1 << (exponent - 1)) - 1;
    const int power = bits >> fraction & ((1 << exponent) - 1), rest = bits & ((1 << fraction) - 1);
    const float sign = bits >> 15 ? -1.0f : 1.0f;
    if (power == (1 << exponent) - 1)
        return rest != 0 ? std::numeric_limits<float>::quiet_NaN()
                         : sign * std::numeric_limits<float>::infinity();
    return sign * std::ldexp(static_cast<float>(rest + (power > 0 ? 1 << fraction : 0)),
                             std::max(power, 1) - bias - fraction);
}

/// "(64, 3, 7, 7)", for messages.
[[nodiscard]] inline std::string to_string(std::span<const std::int64_t> dims) {
    std::string text = "(";
    for (std::size_t axis = 0; axis < dims.size(); ++axis)
        text += (axis ? ", " : "") + std::to_string(dims[axis]);
    return text + ")";
}

/// The product of the extents; nothing where one is negative or there are 2^60 elements or more.
[[nodiscard]] inline std::optional<std::int64_t> element_count(std::span<const std::int64_t> dims) {
    std::int64_t count = 1, product = 1; // the latter without the extents of zero
    for (const std::int64_t extent : dims) {
        if (extent < 0 || extent > ((std::int64_t(1) << 60) - 1) / product)
            return {};
        product *= std::max<std::int64_t>(extent, 1);
        count *= extent;
    }
    return count;
}

/// One dense, row-major array. The bytes belong to `owner`, or to the caller when that is empty;
/// they need not be aligned.
struct state_entry {
    dtype type = dtype::f32;             ///< of an element
    std::vector<std::int64_t> dims;      ///< extents
    std::span<const std::uint8_t> bytes; ///< the elements, little-endian
    std::shared_ptr<const void> owner;   ///< keeps the bytes alive
    std::string unread = {}; ///< of dtype::other: the sentence why pfad does not read it

    /// Number of elements.
    [[nodiscard]] std::int64_t size() const {
        return static_cast<std::int64_t>(bytes.size()) / size_of(type);
    }

    /// Writes every element into `to`, which holds size() of them. Any type becomes float or
    /// double; int64 and uint8 are only read as themselves (errc::value otherwise),
    /// dtype::other not at all (errc::unsupported).
    template <stored T>
    void copy_to(std::span<T> to) const {
        expect(static_cast<std::int64_t>(to.size()) == size(), "copy_to",
               "the target holds as many elements as the array");
        if (type == dtype_of<T>) {
            if (!bytes.empty())
                std::memcpy(to.data(), bytes.data(), bytes.size());
        } else if constexpr (std::floating_point<T>) {
            switch (type) {
            case dtype::f32:
                return convert<float>(to);
            case dtype::f64:
                return convert<double>(to);
            case dtype::i64:
                return convert<std::int64_t>(to);
            case dtype::u8:
                return convert<std::uint8_t>(to);
            case dtype::f16:
                return convert_halves(to, 5);
            case dtype::bf16:
                return convert_halves(to, 8);
            case dtype::other:
                fail(errc::unsupported, unread);
            }
        } else {
            fail(errc::value, std::string(name_of(type)) + " elements cannot be read as " +
                                  std::string(name_of(dtype_of<T>)));
        }
    }

    /// The elements, read as copy_to() does.
    template <stored T>
    [[nodiscard]] std::vector<T> values() const {
        std::vector<T> result(static_cast<std::size_t>(size()));
        copy_to<T>(result);
        return result;
    }

private:
    template <class T>
    void convert_halves(std::span<T> to, int exponent) const {
        for (std::size_t i = 0; i < to.size(); ++i) {
            std::uint16_t value;
            std::memcpy(&value, bytes.data() + 2 * i, 2);
            to[i] = static_cast<T>(float_of_half(value, exponent));
        }
    }
    template <class From, class T>
    void convert(std::span<T> to) const {
        for (std::size_t i = 0; i < to.size(); ++i) {
            From value;
            std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
            to[i] = static_cast<T>(value);
        }
    }
};

/// An entry over elements that stay the caller's.
template <class T, int R>
requires stored<std::remove_const_t<T>>
[[nodiscard]] state_entry borrowed_entry(view<T, R> from) {
    return {dtype_of<std::remove_const_t<T>>,
            std::vector<std::int64_t>(from.dims.extent, from.dims.extent + R),
            {reinterpret_cast<const std::uint8_t*>(from.data),
             static_cast<std::size_t>(from.size()) * sizeof(T)},
            nullptr};
}

/// An entry with elements of its own; the product of `dims` is their number.
template <stored T>
[[nodiscard]] state_entry owned_entry(std::vector<T> values, std::vector<std::int64_t> dims) {
    expect(element_count(dims) == static_cast<std::int64_t>(values.size()), "owned_entry",
           "the extents multiply to the number of elements");
    const auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    return {dtype_of<T>,
            std::move(dims),
            {reinterpret_cast<const std::uint8_t*>(kept->data()), kept->size() * sizeof(T)},
            kept};
}

/// Names in order, and what each stands for.
using state_entries = std::map<std::string, state_entry, std::less<>>;

/// The contents of a file of weights.
struct state_dict {
    std::string path;                                         ///< where it came from, for messages
    state_entries tensors;                                    ///< by name
    std::map<std::string, std::string, std::less<>> metadata; ///< text beside the arrays

    /// Whether there is an array of this name.
    [[nodiscard]] bool contains(std::string_view name) const {
        return tensors.find(name) != tensors.end();
    }

    /// The array of that name; errc::io when the file has none.
    [[nodiscard]] const state_entry& at(std::string_view name) const {
        const auto found = tensors.find(name);
        if (found == tensors.end())
            fail(errc::io, path + ": has no tensor `" + std::string(name) + "`");
        return found->second;
    }

    /// The array of that name and those extents, of which -1 fits any; errc::shape when they
    /// differ.
    [[nodiscard]] const state_entry& at(std::string_view name,
                                        std::span<const std::int64_t> dims) const {
        const state_entry& found = at(name);
        const auto fits = [](std::int64_t has, std::int64_t wanted) {
            return wanted == -1 || has == wanted;
        };
        if (!std::equal(found.dims.begin(), found.dims.end(), dims.begin(), dims.end(), fits))
            fail(errc::shape, path + ": tensor `" + std::string(name) + "` has shape " +
                                  to_string(found.dims) + ", not " + to_string(dims));
        return found;
    }
};

} // namespace pfad
