// Comparing results: one tolerance rule, same bits, the code of an error.
#pragma once

#include "support/catch.hpp"
#include "support/random.hpp"

#include <pfad/core/bf16.hpp>
#include <pfad/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace pfad::test {

/// How far a sum of `terms` terms of at most `largest`, computed in T, may be from the exact one.
/// bf16 is computed in float and rounded when stored, to 8 bits: a few values on the way of each
/// result, and at most one for each term, whose roundings are independent and add up as their root.
template <class T>
double tolerance(double terms, double largest) {
    if constexpr (std::is_same_v<T, bf16>)
        return 0x1p-8 * (4 + std::sqrt(terms)) * largest + tolerance<float>(terms, largest);
    else
        return static_cast<double>(std::numeric_limits<T>::epsilon()) * (4 + terms) * largest;
}

template <int R>
double largest(const array<R>& x) {
    double result = 0;
    for (const double value : x.data)
        result = std::max(result, std::abs(value));
    return result;
}

/// Every element within `allowed`; names the worst one. NaN is never within.
template <int R>
void check_close(const array<R>& got, const array<R>& want, double allowed) {
    REQUIRE(to_string(got.dims) == to_string(want.dims));
    double worst = -1;
    std::size_t at = 0;
    for (std::size_t i = 0; i < got.data.size(); ++i) {
        const double gap = std::abs(got.data[i] - want.data[i]);
        if (!(gap <= worst)) {
            worst = gap;
            at = i;
            if (std::isnan(gap))
                break;
        }
    }
    if (!got.data.empty()) {
        INFO("element " << at << " of " << to_string(got.dims) << ": got " << got.data[at]
                        << ", want " << want.data[at] << ", allowed " << allowed);
        CHECK(worst <= allowed);
    }
}

template <int R>
bool same_bits(const array<R>& a, const array<R>& b) {
    return a.dims == b.dims && a.data.size() == b.data.size() &&
           (a.data.empty() ||
            std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(double)) == 0);
}

/// The code of the pfad::error that f throws; nothing where it throws none.
template <class F>
std::optional<errc> error_code(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.code();
    }
    return std::nullopt;
}

} // namespace pfad::test
