// Test data: plain arrays of doubles whose values are exact in float, so that runs in float and in
// double see the same numbers.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/core/shape.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pfad::test {

/// What references compute with: dense, row-major, on the host.
template <int R>
struct array {
    static constexpr int rank = R;
    shape<R> dims = {};
    std::vector<double> data;

    explicit array(const shape<R>& extents, double value = 0)
        : dims(extents), data(static_cast<std::size_t>(extents.size()), value) {}

    template <class... I>
    requires(sizeof...(I) == R) double& operator()(I... index) { return data[offset(index...)]; }
    template <class... I>
    requires(sizeof...(I) == R) double operator()(I... index) const {
        return data[offset(index...)];
    }
    [[nodiscard]] std::int64_t extent(int axis) const { return dims[axis]; }

private:
    template <class... I>
    [[nodiscard]] std::size_t offset(I... index) const {
        const std::int64_t at[R] = {static_cast<std::int64_t>(index)...};
        std::int64_t result = 0;
        for (int axis = 0; axis < R; ++axis)
            result = result * dims[axis] + at[axis];
        return static_cast<std::size_t>(result);
    }
};

/// A number as an element, rounded to nearest.
template <class T>
[[nodiscard]] T element(double x) {
    return static_cast<T>(static_cast<accumulator_t<T>>(x));
}

/// The same with every value rounded to T.
template <class T, int R>
array<R> rounded(array<R> x) {
    for (double& value : x.data)
        value = static_cast<double>(element<T>(value));
    return x;
}

/// Uniform in [low, high); another name gives other values.
template <int R>
array<R>
random_array(const shape<R>& dims, std::string_view name, double low = -1, double high = 1) {
    array<R> result(dims);
    random_stream draw(17, name);
    for (double& value : result.data)
        value = static_cast<double>(static_cast<float>(draw.uniform(low, high)));
    return result;
}

/// The numbers (i + 1/2) gap around zero in random order: none is within gap/2 of zero, no two are
/// closer than gap, so that a kink is never near.
template <int R>
array<R> spread_array(const shape<R>& dims, std::string_view name, double gap = 0.0625) {
    array<R> result(dims);
    const std::size_t count = result.data.size();
    for (std::size_t i = 0; i < count; ++i)
        result.data[i] =
            (static_cast<double>(i) - std::floor(static_cast<double>(count) / 2) + 0.5) * gap;
    random_stream draw(18, name);
    for (std::size_t i = count; i > 1; --i)
        std::swap(result.data[i - 1], result.data[draw.below(static_cast<std::uint32_t>(i))]);
    return result;
}

/// Zeros and ones.
template <int R>
array<R> random_mask(const shape<R>& dims, std::string_view name) {
    auto result = random_array(dims, name);
    for (double& value : result.data)
        value = value > 0.3 ? 1 : 0;
    return result;
}

} // namespace pfad::test
