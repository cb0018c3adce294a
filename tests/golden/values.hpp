// The deterministic values of the golden files, and tensors in PyTorch's order.
#pragma once

#include <pfad/core/philox.hpp>
#include <pfad/cpu/context.hpp>
#include <pfad/io/safetensors.hpp>
#include <pfad/nn/named_arrays.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace golden {

/// u[i] in [0, 1): the top 24 bits of splitmix64 seeded by the name.
inline std::vector<double> uniform01(const std::string& name, std::size_t count) {
    std::vector<double> u(count);
    std::uint64_t state = pfad::hash_name(name);
    for (double& value : u) {
        state += 0x9E3779B97F4A7C15ull;
        std::uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        z ^= z >> 31;
        value = static_cast<double>(z >> 40) / 16777216.0;
    }
    return u;
}

/// The value of the parameter or buffer `key`, rounded to float at every step as the generator
/// does.
inline std::vector<float> value_for(const std::string& key, const std::vector<std::int64_t>& dims) {
    std::size_t count = 1;
    for (const auto d : dims)
        count *= static_cast<std::size_t>(d);
    std::vector<float> values(count);
    const auto u = uniform01(key, count);
    const std::string last = key.substr(key.rfind('.') + 1);
    float scale = 0.1f, offset = 0; // bias, running_mean
    if (last == "weight" && dims.size() == 4)
        scale =
            static_cast<float>(std::sqrt(3.0 / static_cast<double>(dims[1] * dims[2] * dims[3])));
    else if (last == "weight")
        scale = 0.2f, offset = 1;
    else if (last == "running_var")
        scale = 0.25f, offset = 1;
    else if (last == "layer_scale")
        scale = 0.5f;
    for (std::size_t i = 0; i < count; ++i)
        values[i] = offset + scale * static_cast<float>(2 * u[i] - 1);
    return values;
}

/// A relative change of what a case is given: every value times 1 + size * {-1, 0, 1}, drawn from
/// (draw, name of the tensor). Size 0 changes nothing.
struct noise {
    double size = 0;
    std::uint64_t draw = 0;

    void apply(const std::string& name, std::vector<double>& values) const {
        if (size == 0)
            return;
        pfad::random_stream random(draw, name);
        for (double& value : values)
            value *= 1 + size * (static_cast<double>(random.below(3)) - 1);
    }
};

/// Every parameter and running statistic of a network, by its name.
template <class T, class M>
void fill_by_name(M& m, const std::string& prefix, noise shake) {
    for (auto& entry : pfad::named_arrays<T>(m)) {
        const auto exact = value_for(prefix + entry.name, entry.dims);
        std::vector<double> values(exact.begin(), exact.end());
        shake.apply(prefix + entry.name, values);
        entry.from_torch(std::span<const double>(values));
    }
}

/// Sum, L2 norm and eight samples of an array too large to keep.
inline std::vector<double> digest(const std::string& name, const std::vector<double>& x) {
    double sum = 0, squares = 0;
    for (const double v : x) {
        sum += v;
        squares += v * v;
    }
    std::vector<double> out = {sum, std::sqrt(squares)};
    for (const double u : uniform01("sample." + name, 8))
        out.push_back(x[static_cast<std::size_t>(u * static_cast<double>(x.size()))]);
    return out;
}

/// (n, c, h, w) values as an image (n, h, w, c).
template <class T>
pfad::tensor<T, 4>
to_nhwc(pfad::cpu::context& ctx, std::vector<std::int64_t> d, const std::vector<double>& values) {
    d.resize(4, 1);
    const auto x = pfad::empty<T>(ctx, pfad::shape<4>{{d[0], d[2], d[3], d[1]}});
    std::size_t at = 0;
    for (std::int64_t n = 0; n < d[0]; ++n)
        for (std::int64_t c = 0; c < d[1]; ++c)
            for (std::int64_t i = 0; i < d[2]; ++i)
                for (std::int64_t j = 0; j < d[3]; ++j)
                    x.view()(n, i, j, c) = static_cast<T>(values[at++]);
    return x;
}

/// The reverse.
template <class T>
std::vector<double> to_nchw(const pfad::tensor<T, 4>& x) {
    std::vector<double> values;
    for (std::int64_t n = 0; n < x.extent(0); ++n)
        for (std::int64_t c = 0; c < x.extent(3); ++c)
            for (std::int64_t i = 0; i < x.extent(1); ++i)
                for (std::int64_t j = 0; j < x.extent(2); ++j)
                    values.push_back(static_cast<double>(x.view()(n, i, j, c)));
    return values;
}

template <class T>
std::vector<double> to_row(const pfad::tensor<T, 1>& x) {
    return {x.data(), x.data() + x.size()};
}

} // namespace golden
