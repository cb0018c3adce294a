// A small category in the layout of MVTec AD, made from nothing: a turned steel flange with six
// bolts, under light that varies, and three kinds of defects with exact masks.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/data/files.hpp>
#include <pfad/data/synthetic_textures.hpp>
#include <pfad/io/image.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numbers>
#include <string>
#include <string_view>

namespace pfad::data {

/// How many pictures make_demo_category draws, and of what size.
struct demo_options {
    int size = 160;    ///< pictures are size x size
    int training = 60; ///< good pictures to learn from
    int good = 15;     ///< good pictures to test with
    int anomalous = 8; ///< of each kind
};

/// The kinds of defects, which are folders under test/.
inline constexpr std::array<std::string_view, 3> demo_defects = {"pit", "scratch", "stain"};

/// A point of the picture, in units of its width from its centre.
struct place {
    /// To the right, and down.
    float x = 0, y = 0;
    /// Distance from the centre.
    [[nodiscard]] float length() const { return std::sqrt(x * x + y * y); }
    /// From b to a.
    friend place operator-(const place& a, const place& b) { return {a.x - b.x, a.y - b.y}; }
};

/// The flange as one photograph shows it.
class demo_flange {
public:
    /// Draws place, turn, wear and light of a flange.
    explicit demo_flange(random_stream& random) : noise_(random) {
        centre_ = {draw(random, -0.012, 0.012), draw(random, -0.012, 0.012)};
        turn_ = draw(random, -0.06, 0.06);
        light_ = draw(random, -0.35, 0.35) - 0.75f * std::numbers::pi_v<float>;
        gain_ = draw(random, 0.9, 1.08);
        tint_ = draw(random, -0.025, 0.025);
        for (float& hexagon : hexagons_)
            hexagon = draw(random, 0, std::numbers::pi / 3);
    }

    /// The flange's, from the picture's.
    [[nodiscard]] place centre() const { return centre_; }
    /// Direction of the light, radians.
    [[nodiscard]] float light() const { return light_; }
    /// What its surface is made from.
    [[nodiscard]] const value_noise& noise() const { return noise_; }

    /// Whether a place is on the flange, not on the mat or in the bore.
    [[nodiscard]] bool on_metal(const place& seen) const {
        const float radius = (seen - centre_).length();
        return radius > inner && radius < outer;
    }

    /// What the camera sees at a place.
    [[nodiscard]] shade at(const place& seen) const {
        const place p = seen - centre_;
        const float radius = p.length();
        // A blurred disc shifted away from the light is the shadow on the mat.
        const place shifted{p.x + 0.02f * std::cos(light_), p.y + 0.02f * std::sin(light_)};
        const float shadow = 0.55f + 0.45f * ramp(outer - 0.01f, outer + 0.03f, shifted.length());
        shade result = mat(seen) * shadow;
        result = mix(result, metal(p, radius), 1 - ramp(outer - 0.004f, outer + 0.003f, radius));
        result = mix(result, mat(seen) * 0.3f, 1 - ramp(inner - 0.004f, inner + 0.003f, radius));
        for (std::size_t i = 0; i < hexagons_.size(); ++i)
            add_bolt(result, p, i);
        const float falloff =
            1 - 0.16f * (seen.x * std::cos(light_) + seen.y * std::sin(light_)) * -1.0f;
        const shade warm{1 + tint_, 1, 1 - tint_};
        const float lit = gain_ * falloff;
        return {result.red * warm.red * lit, result.green * lit, result.blue * warm.blue * lit};
    }

    static constexpr float outer = 0.435f;       ///< radius, in widths of the picture
    static constexpr float inner = 0.105f;       ///< of the bore
    static constexpr float bolt_circle = 0.285f; ///< of the bolts' centres
    static constexpr float bolt = 0.055f;        ///< of a bolt

private:
    [[nodiscard]] shade mat(const place& p) const {
        const float grain = noise_.fractal(p.x * 60, p.y * 60, 2);
        const float value = 0.13f + 0.09f * grain;
        return {value, value * 1.03f, value * 1.08f};
    }

    /// Grooves run around the centre, so the highlight is two opposite sectors.
    [[nodiscard]] shade metal(const place& p, float radius) const {
        const float phi = std::atan2(p.y, p.x);
        const float bow = 0.5f + 0.5f * std::cos(2 * (phi - light_));
        const float grooves = noise_.at(radius * 210, 3 * std::cos(phi + 1)) - 0.5f;
        const float bands = noise_.at(radius * 45, 9.5f + std::sin(phi)) - 0.5f;
        float value = 0.42f + 0.3f * bow * bow + 0.16f * grooves + 0.1f * bands;
        // Chamfers catch the light on the side that faces it.
        const float facing = std::cos(phi - light_);
        const float rim = ramp(outer - 0.022f, outer - 0.014f, radius);
        const float bore = 1 - ramp(inner + 0.014f, inner + 0.022f, radius);
        value += 0.25f * facing * rim - 0.25f * facing * bore;
        return {value * 0.97f, value, value * 1.04f};
    }

    void add_bolt(shade& under, const place& p, std::size_t number) const {
        const float angle = turn_ + static_cast<float>(number) * std::numbers::pi_v<float> / 3;
        const place q{p.x - bolt_circle * std::cos(angle), p.y - bolt_circle * std::sin(angle)};
        if (q.length() > 2 * bolt)
            return;
        const place shifted{q.x + 0.012f * std::cos(light_), q.y + 0.012f * std::sin(light_)};
        under = under * (0.5f + 0.5f * ramp(0.85f * bolt, 1.35f * bolt, shifted.length()));
        const float washer = 1 - ramp(bolt * 1.22f, bolt * 1.32f, q.length());
        const float around = std::atan2(q.y, q.x);
        const float gleam = 0.5f + 0.12f * std::cos(2 * (around - light_));
        under = mix(under, shade{gleam * 0.9f, gleam * 0.92f, gleam * 0.95f}, washer);
        // The nearest of the six sides decides how far out a place is and which way it slopes.
        constexpr float sixth = std::numbers::pi_v<float> / 3;
        const float side =
            hexagons_[number] + sixth * std::floor((around - hexagons_[number]) / sixth + 0.5f);
        const float out = q.length() * std::cos(around - side);
        const float head = 1 - ramp(bolt * 0.84f, bolt * 0.9f, out);
        const float slope = ramp(bolt * 0.56f, bolt * 0.62f, out);
        const float flat = 0.66f + 0.1f * (noise_.at(q.x * 300 + 20, q.y * 40) - 0.5f);
        const float value = flat + slope * 0.22f * std::cos(side - light_) - 0.06f * slope;
        under = mix(under, shade{value * 1.05f, value * 0.92f, value * 0.68f}, head);
    }

    value_noise noise_;
    place centre_;
    float turn_ = 0;
    float light_ = 0;
    float gain_ = 1;
    float tint_ = 0;
    std::array<float, 6> hexagons_ = {};
};

/// What a defect does at a place: the light that it takes or adds, and whether it is there.
struct demo_blemish {
    shade factor = {1, 1, 1}; ///< the metal's colour is multiplied by this
    float light = 0;          ///< added to it
    bool inside = false;      ///< whether the place is in the mask
};

/// One defect on the ring of the flange, of a kind named in demo_defects.
class demo_defect {
public:
    /// Draws place, size and turn of one of this kind.
    demo_defect(std::string_view kind, const demo_flange& flange, random_stream& random)
        : kind_(kind), light_(flange.light()), noise_(&flange.noise()) {
        const float angle = draw(random, 0, 2 * std::numbers::pi);
        const float radius = draw(random, 0.16, 0.38);
        at_ = {flange.centre().x + radius * std::cos(angle),
               flange.centre().y + radius * std::sin(angle)};
        size_ = kind == "pit" ? draw(random, 0.03, 0.05) : draw(random, 0.06, 0.095);
        strength_ = draw(random, 0.75, 1);
        seed_ = draw(random, 0, 60);
        // A scratch is an arc: a chord that leans away from the grooves, slightly bent.
        const float lean = angle + draw(random, -0.9, 0.9);
        const float half = draw(random, 0.11, 0.19);
        along_ = {std::cos(lean), std::sin(lean)};
        half_ = half;
        bend_ = draw(random, -1.2, 1.2);
    }

    /// At a place of the flange.
    [[nodiscard]] demo_blemish look(const place& p) const {
        const place q = p - at_;
        return kind_ == "pit" ? pit(q) : kind_ == "scratch" ? scratch(q) : stain(q);
    }

private:
    /// A dark hole with a rim that is bright where it faces the light.
    [[nodiscard]] demo_blemish pit(const place& q) const {
        const float around = std::atan2(q.y, q.x);
        const float ragged =
            0.35f * (noise_->at(3 * std::cos(around) + seed_, 3 * std::sin(around)) - 0.5f);
        const float r = q.length() / size_ * (1 + ragged);
        const float depth = strength_ * (1 - ramp(0.65f, 1, r));
        const float rim = ramp(0.75f, 1, r) * (1 - ramp(1.05f, 1.35f, r));
        return {shade{1, 1, 1} * (1 - 0.75f * depth),
                -0.22f * rim * strength_ * std::cos(around - light_), r < 1.2f};
    }

    /// A thin furrow: one flank bright, the other dark; it fades towards its ends.
    [[nodiscard]] demo_blemish scratch(const place& q) const {
        const float t = (q.x * along_.x + q.y * along_.y) / half_;
        const float wander = 0.006f * (noise_->at(2 * t + seed_, seed_) - 0.5f);
        const float away = -q.x * along_.y + q.y * along_.x - bend_ * 0.03f * (1 - t * t) - wander;
        const float ends = 1 - ramp(0.75f, 1, std::abs(t));
        const float width = 0.012f;
        const float bright = std::exp(-away * away / (0.5f * width * width));
        const float dark = std::exp(-(away - width) * (away - width) / (0.5f * width * width));
        return {shade{1, 1, 1} * (1 - 0.4f * dark * ends * strength_),
                0.3f * bright * ends * strength_,
                ends > 0.15f && away > -1.1f * width && away < 2.1f * width};
    }

    /// Dried oil: brownish, with an uneven outline that is darkest at its edge.
    [[nodiscard]] demo_blemish stain(const place& q) const {
        const float outline = noise_->fractal(q.x * 18 + seed_, q.y * 18 + seed_, 3);
        const float r = q.length() / size_ + 1.3f * (outline - 0.5f);
        const float body = 1 - ramp(0.85f, 1, r);
        const float edge = body * ramp(0.55f, 0.9f, r);
        const float amount = strength_ * (0.55f * body + 0.35f * edge);
        return {mix(shade{1, 1, 1}, shade{0.62f, 0.47f, 0.28f}, amount), 0, r < 0.97f};
    }

    std::string_view kind_;
    float light_;
    const value_noise* noise_;
    place at_, along_;
    float size_ = 0, strength_ = 0, seed_ = 0, half_ = 0, bend_ = 0;
};

/// A photograph of the flange and the mask of its defect: 0 or 255, all 0 for kind "good".
struct demo_photograph {
    /// RGB.
    image_u8 picture;
    image_u8 mask; ///< grey, of the same size
};

/// The photograph with this number in folder/kind, size x size pixels; kind is "good" or one of
/// demo_defects.
[[nodiscard]] inline demo_photograph make_demo_photograph(
    std::uint64_t seed, std::string_view folder, std::string_view kind, int number, int size) {
    const std::string purpose = "demo " + std::string(folder) + "/" + std::string(kind);
    random_stream random(seed, purpose, static_cast<std::uint64_t>(number), 0);
    const demo_flange flange(random);
    const demo_defect defect(kind, flange, random);
    const bool good = kind == "good";
    demo_photograph result;
    result.mask = {size, size, 1, {}};
    const float unit = 1 / static_cast<float>(size);
    result.picture = paint_picture(size, size, [&](float px, float py) {
        const place p{(px + 0.5f) * unit - 0.5f, (py + 0.5f) * unit - 0.5f};
        shade seen = flange.at(p);
        const demo_blemish blemish = good || !flange.on_metal(p) ? demo_blemish{} : defect.look(p);
        result.mask.pixels.push_back(blemish.inside ? 255 : 0);
        // The sum of four draws is close enough to normal for the noise of a sensor.
        float grain = -2;
        for (int i = 0; i < 4; ++i)
            grain += static_cast<float>(random.uniform());
        const float light = blemish.light + 0.022f * grain;
        seen = {seen.red * blemish.factor.red, seen.green * blemish.factor.green,
                seen.blue * blemish.factor.blue};
        return seen + shade{light, light, light};
    });
    return result;
}

/// Writes the category: train/good, test/good, test/KIND and ground_truth/KIND, a pure function of
/// the seed and the options. Throws errc::io where a file cannot be written.
inline void make_demo_category(const std::filesystem::path& folder,
                               std::uint64_t seed,
                               const demo_options& options = {}) {
    expect(options.size >= 16 && options.training > 0 && options.good >= 0 &&
               options.anomalous >= 0,
           "make_demo_category", "sizes and counts make sense");
    const auto name = [](int number) { return std::to_string(1000 + number).substr(1); };
    const auto make = [&](std::string_view set, std::string_view kind, int count) {
        const auto pictures = folder / set / kind;
        const auto masks = folder / "ground_truth" / kind;
        if (count > 0)
            make_folder(pictures);
        if (count > 0 && kind != "good")
            make_folder(masks);
        for (int number = 0; number < count; ++number) {
            const auto photograph = make_demo_photograph(seed, set, kind, number, options.size);
            write_png(pictures / (name(number) + ".png"), photograph.picture);
            if (kind != "good")
                write_png(masks / (name(number) + "_mask.png"), photograph.mask);
        }
    };
    make("train", "good", options.training);
    make("test", "good", options.good);
    for (const std::string_view kind : demo_defects)
        make("test", kind, options.anomalous);
}

} // namespace pfad::data
