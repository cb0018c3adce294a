// One exception type and the check that every public entry uses. Always on: once per call costs
// nothing.
#pragma once

#include <pfad/core/shape.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace pfad {

/// What kind of thing went wrong.
enum class errc {
    shape,       ///< extents that do not fit together
    value,       ///< an argument outside its range, a non-finite loss
    unsupported, ///< a file version, device or option that this build cannot serve
    io,          ///< a file that is missing, unreadable, malformed or cannot be written
    memory,      ///< there is not enough, or a pool may not grow
    backend      ///< a vendor library or a GPU failed
};

/// Every failure of the library. what() is one sentence, on one line, that names the thing and what is
/// wrong with it.
class error : public std::runtime_error {
public:
    /// `sentence` becomes what(). Names in it may come from a damaged file: a question mark stands for each
    /// control character, which could break the line or change a terminal.
    error(errc code, std::string sentence)
        : std::runtime_error(printable(std::move(sentence))), code_(code) {}
    /// What kind of thing went wrong.
    [[nodiscard]] errc code() const noexcept { return code_; }

private:
    static std::string printable(std::string text) {
        for (char& c : text)
            c = static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
        return text;
    }

    errc code_;
};

/// Throws error(code, sentence).
[[noreturn]] inline void fail(errc code, const std::string& sentence) {
    throw error(code, sentence);
}

/// Throws errc::value "subject: rule" unless ok.
inline void expect(bool ok, std::string_view subject, std::string_view rule) {
    if (!ok)
        fail(errc::value, std::string(subject) + ": " + std::string(rule));
}

/// Throws errc::shape "subject: rule, got (..) and (..)" unless ok.
template <int... R>
requires(sizeof...(R) > 0) void expect(bool ok,
                                       std::string_view subject,
                                       std::string_view rule,
                                       const shape<R>&... dims) {
    if (ok)
        return;
    std::string text;
    ((text += (text.empty() ? "" : " and ") + to_string(dims)), ...);
    fail(errc::shape, std::string(subject) + ": " + std::string(rule) + ", got " + text);
}

} // namespace pfad
