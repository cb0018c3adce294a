// Options of a detector, written down once: model files, fingerprints, command lines, pages and
// pfad_info walk this list.
#pragma once

#include <pfad/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <variant>
#include <vector>

namespace pfad {

/// What an option decides: which arrays a network has, or how they are trained.
enum class option_kind { network, training };

/// An enumeration as an option: its values from 0 on, by name.
class choice {
public:
    /// Of the value and the names of all that it may have.
    template <class E>
    requires std::is_enum_v<E> choice(E* value, std::span<const std::string_view> names)
        : value_(value), names_(names), read_([](const void* from) {
              return static_cast<std::size_t>(*static_cast<const E*>(from));
          }),
          write_([](void* to, std::size_t i) { *static_cast<E*>(to) = static_cast<E>(i); }) {}

    /// The name of the value.
    [[nodiscard]] std::string_view name() const { return names_[read_(value_)]; }
    /// Every name, in order.
    [[nodiscard]] std::span<const std::string_view> names() const { return names_; }
    /// The value of this name. False, and no change, where none has it.
    [[nodiscard]] bool set(std::string_view name) const {
        const auto found = std::ranges::find(names_, name);
        if (found != names_.end())
            write_(value_, static_cast<std::size_t>(found - names_.begin()));
        return found != names_.end();
    }

private:
    void* value_;
    std::span<const std::string_view> names_;
    std::size_t (*read_)(const void*);
    void (*write_)(void*, std::size_t);
};

/// One option of a detector and where its value is.
struct option {
    std::string_view name; ///< in files; a command line has - in place of _
    std::variant<bool*, int*, double*, choice> value; ///< of the struct that listed it
    std::string_view meaning;                         ///< for --help
    option_kind kind = option_kind::training;         ///< a network's must be in a model file
    double low = 0;                                   ///< smallest value
    double high = std::numeric_limits<int>::max();    ///< largest value
    std::string_view before = {}; ///< what it was in files from before there was a choice
};

/// The options of a detector, in the order of files and of --help.
using option_list = std::vector<option>;

/// Lower limit of what is above 0.
inline constexpr double above_zero = std::numeric_limits<double>::min();
/// Upper limit of what has none, but is finite.
inline constexpr double any_size = std::numeric_limits<double>::max();
/// Upper limit of numbers of iterations.
inline constexpr double most_iterations = 1e9;

/// A number as text that gives the same number again; in the C locale always.
[[nodiscard]] inline std::string exact_text(double value) {
    if (value == std::floor(value) && std::abs(value) <= most_iterations)
        return std::to_string(static_cast<long long>(value)); // 1000000000, not 1e+09
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// The number of a text, all of it, in the C locale; NaN where it is none.
[[nodiscard]] inline double number_of(std::string_view text) {
    double value = 0;
    const char* const last = text.data() + text.size();
    const auto [end, problem] = std::from_chars(text.data(), last, value);
    return problem == std::errc() && end == last ? value : std::nan("");
}

/// The value as files have it: on or off, a number, or a name.
[[nodiscard]] inline std::string value_text(const option& o) {
    if (const auto* const names = std::get_if<choice>(&o.value))
        return std::string(names->name());
    if (bool* const* const flag = std::get_if<bool*>(&o.value))
        return **flag ? "on" : "off";
    if (int* const* const number = std::get_if<int*>(&o.value))
        return std::to_string(**number);
    return exact_text(*std::get<double*>(o.value));
}

/// What value_text() wrote, into the option. False, and no change, for a text that is no value of
/// it or is out of its range.
[[nodiscard]] inline bool set_value(const option& o, std::string_view text) {
    if (bool* const* const flag = std::get_if<bool*>(&o.value)) {
        if (text == "on" || text == "off")
            **flag = text == "on";
        return text == "on" || text == "off";
    }
    if (const auto* const names = std::get_if<choice>(&o.value))
        return names->set(text);
    const double value = number_of(text);
    if (!(value >= o.low && value <= o.high))
        return false;
    if (double* const* const real = std::get_if<double*>(&o.value))
        **real = value;
    else if (value != std::floor(value))
        return false;
    else
        *std::get<int*>(o.value) = static_cast<int>(value);
    return true;
}

/// Which values it may have, in words.
[[nodiscard]] inline std::string range_text(const option& o) {
    if (std::holds_alternative<bool*>(o.value))
        return "on or off";
    if (const auto* const names = std::get_if<choice>(&o.value)) {
        std::string all;
        for (const auto& name : names->names())
            all += (all.empty()                       ? ""
                    : &name == &names->names().back() ? " or "
                                                      : ", ") +
                   std::string(name);
        return all;
    }
    const std::string what = std::holds_alternative<int*>(o.value) ? "a whole number" : "a number";
    const std::string from = o.low == above_zero  ? " above 0"
                             : o.low == -any_size ? ""
                                                  : " from " + exact_text(o.low);
    return what + from + (o.high == any_size ? "" : " to " + exact_text(o.high));
}

/// Throws errc::value for a number out of its range.
inline void check_options(const option_list& options) {
    for (const auto& o : options)
        if (!set_value(o, value_text(o)))
            fail(errc::value, "training: `" + std::string(o.name) + "` is " + value_text(o) +
                                  ", but must be " + range_text(o));
}

} // namespace pfad
