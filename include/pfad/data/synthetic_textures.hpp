// Textures made from nothing, for a demonstration without any data set.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/data/files.hpp>
#include <pfad/io/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numbers>
#include <string>

namespace pfad::data {

/// Red, green, blue in [0, 1], as light that is mixed and shaded.
struct shade {
    /// 0 is black, 1 as bright as it gets.
    float red = 0, green = 0, blue = 0;

    /// Every channel, weaker or stronger.
    friend shade operator*(const shade& a, float s) { return {a.red * s, a.green * s, a.blue * s}; }
    /// Channel by channel.
    friend shade operator+(const shade& a, const shade& b) {
        return {a.red + b.red, a.green + b.green, a.blue + b.blue};
    }
};

/// a at t = 0, b at t = 1.
[[nodiscard]] inline shade mix(const shade& a, const shade& b, float t) {
    return a * (1 - t) + b * t;
}

/// 0 below `low`, 1 above `high`, a smooth step between.
[[nodiscard]] inline float ramp(float low, float high, float x) {
    const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
    return t * t * (3 - 2 * t);
}

/// Uniform in [low, high).
[[nodiscard]] inline float draw(random_stream& random, double low, double high) {
    return static_cast<float>(random.uniform(low, high));
}

/// Smooth noise in [0, 1] that repeats every 64 units.
class value_noise {
public:
    /// Draws the table of random values.
    explicit value_noise(random_stream& random) {
        for (float& value : table_)
            value = static_cast<float>(random.uniform());
    }

    /// At a point of the plane.
    [[nodiscard]] float at(float x, float y) const {
        const float left = std::floor(x);
        const float top = std::floor(y);
        const float fx = ramp(0, 1, x - left);
        const float fy = ramp(0, 1, y - top);
        const int i = static_cast<int>(top);
        const int j = static_cast<int>(left);
        const float upper = knot(i, j) + fx * (knot(i, j + 1) - knot(i, j));
        const float lower = knot(i + 1, j) + fx * (knot(i + 1, j + 1) - knot(i + 1, j));
        return upper + fy * (lower - upper);
    }

    /// Octaves of half the size and half the weight each, in [0, 1].
    [[nodiscard]] float fractal(float x, float y, int octaves) const {
        float sum = 0, weight = 0.5f, total = 0;
        for (int octave = 0; octave < octaves; ++octave, weight *= 0.5f) {
            sum += weight * at(x, y);
            total += weight;
            x = 2 * x + 17.3f;
            y = 2 * y + 5.7f;
        }
        return sum / total;
    }

private:
    [[nodiscard]] float knot(int i, int j) const {
        return table_[static_cast<std::size_t>((i & 63) * 64 + (j & 63))];
    }
    std::array<float, 64 * 64> table_;
};

/// Distances to the nearest and second nearest of points scattered one to a unit square.
struct cell_distance {
    float nearest; ///< in units of the square
    float second;  ///< in units of the square
};

/// For one point of the plane; `noise` scatters the points.
[[nodiscard]] inline cell_distance cells(const value_noise& noise, float x, float y) {
    cell_distance result{9, 9};
    for (float i = std::floor(y) - 1; i <= std::floor(y) + 1; ++i)
        for (float j = std::floor(x) - 1; j <= std::floor(x) + 1; ++j) {
            const float dx = j + noise.at(j, i) - x;
            const float dy = i + noise.at(j + 31, i + 13) - y;
            const float distance = std::sqrt(dx * dx + dy * dy);
            result.second = std::min(result.second, std::max(distance, result.nearest));
            result.nearest = std::min(result.nearest, distance);
        }
    return result;
}

/// A picture from a function of the pixel's column and row that gives its shade.
template <class F>
[[nodiscard]] image_u8 paint_picture(int width, int height, F&& shade_at) {
    image_u8 picture{width, height, 3, {}};
    picture.pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const shade s = shade_at(static_cast<float>(x), static_cast<float>(y));
            for (const float value : {s.red, s.green, s.blue})
                picture.pixels.push_back(
                    static_cast<std::uint8_t>(std::clamp(value, 0.0f, 1.0f) * 255 + 0.5f));
        }
    return picture;
}

/// Texture `number`: clouds, stripes, cells, cracks, marble, checks, dots or weave in turn, each
/// time with other colours, scale and direction.
[[nodiscard]] inline image_u8 make_demo_texture(std::uint64_t seed, int number, int size) {
    random_stream random(seed, "demo texture", static_cast<std::uint64_t>(number), 0);
    const value_noise noise(random);
    const shade dark{draw(random, 0, 0.5), draw(random, 0, 0.5), draw(random, 0, 0.5)};
    const shade light{draw(random, 0.4, 1), draw(random, 0.4, 1), draw(random, 0.4, 1)};
    const shade accent{draw(random, 0, 1), draw(random, 0, 1), draw(random, 0, 1)};
    const float angle = draw(random, 0, std::numbers::pi);
    const float scale = draw(random, 6, 16) / static_cast<float>(size);
    const float warp = draw(random, 0.3, 1.5);
    const float c = std::cos(angle), s = std::sin(angle);
    constexpr float turn = 2 * std::numbers::pi_v<float>;
    const auto odd = [](float a, float b) {
        return (static_cast<int>(std::floor(a)) + static_cast<int>(std::floor(b))) & 1;
    };
    return paint_picture(size, size, [&](float px, float py) {
        const float x = (c * px - s * py) * scale;
        const float y = (s * px + c * py) * scale;
        const float cloud = noise.fractal(x * 0.7f, y * 0.7f, 5);
        const auto pattern = [&] {
            switch (number % 8) {
            case 0:
                return ramp(0.25f, 0.75f, cloud);
            case 1:
                return 0.5f + 0.5f * std::sin(turn * (x + warp * cloud));
            case 2:
                return ramp(0, 1, cells(noise, x, y).nearest);
            case 3: {
                const auto distance = cells(noise, x * 0.6f, y * 0.6f + 0.5f * cloud);
                return ramp(0.02f, 0.12f, distance.second - distance.nearest);
            }
            case 4:
                return std::abs(std::sin(turn * (0.25f * x + 1.5f * warp * cloud)));
            case 5:
                return odd(x, y) ? 0.9f : 0.1f;
            case 6: {
                const float dx = x - std::floor(x) - 0.5f, dy = y - std::floor(y) - 0.5f;
                return 1 - ramp(0.22f, 0.32f, std::sqrt(dx * dx + dy * dy));
            }
            default: {
                const float over = std::sin(turn * x), under = std::sin(turn * y);
                return 0.5f + 0.5f * (odd(2 * x, 2 * y) ? std::abs(under) : -std::abs(over));
            }
            }
        };
        const float fine = noise.at(px * 0.9f, py * 0.9f);
        return mix(mix(dark, light, pattern()), accent, 0.35f * ramp(0.55f, 0.8f, cloud)) *
               (0.85f + 0.3f * fine);
    });
}

/// Writes `count` textures as folder/texture_NN.png. Throws errc::io where one cannot be written.
inline void make_demo_textures(const std::filesystem::path& folder,
                               std::uint64_t seed,
                               int count = 24,
                               int size = 160) {
    expect(count > 0 && size > 0, "make_demo_textures", "count and size are positive");
    make_folder(folder);
    for (int number = 0; number < count; ++number) {
        const std::string digits = std::to_string(100 + number).substr(1);
        write_png(folder / ("texture_" + digits + ".png"), make_demo_texture(seed, number, size));
    }
}

} // namespace pfad::data
