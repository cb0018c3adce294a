// Every detector, sorted by name: the one list of them. Each knows the names and options of its methods.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/detectors/pfadseg.hpp>
#include <pfad/detectors/stpm.hpp>

#include <string>
#include <string_view>

namespace pfad {

/// Stands for a detector where a value is needed.
template <template <class, class> class D>
struct detector_type {
    /// The detector on the host.
    using network = D<float, host>;
};

/// Calls f(detector_type<D>()) for every detector.
template <class F>
void for_each_detector(F&& f) {
    f(detector_type<pfadseg>());
    f(detector_type<stpm>());
}

/// The names of all methods, sorted by detector, with commas between.
[[nodiscard]] inline std::string method_names() {
    std::string names;
    for_each_detector([&]<class Type>(Type) {
        for (const auto& one : Type::network::methods())
            names += (names.empty() ? "" : ", ") + std::string(one.name);
    });
    return names;
}

/// Calls f(detector_type<D>()) for the detector that has a method of this name. Throws errc::value where
/// none has.
template <class F>
void with_detector(std::string_view method, F&& f) {
    bool known = false;
    for_each_detector([&]<class Type>(Type type) {
        for (const auto& one : Type::network::methods())
            if (one.name == method) {
                known = true;
                f(type);
            }
    });
    if (!known)
        fail(errc::value, "`" + std::string(method) + "` is no method of this pfad, which has " +
                              method_names());
}

} // namespace pfad
