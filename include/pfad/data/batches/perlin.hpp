// Good pictures, in light and places that vary, beside copies with anomalies painted in by Perlin noise (equation (1) of the paper):
// what the host reads and draws, and the pictures that the device makes of it.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/augmentation.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/normalise_image.hpp>
#include <pfad/ops/synthesise_anomaly.hpp>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace pfad::data {

/// What networks are trained with.
template <class T, class S = host>
struct corrupted_pictures {
    tensor<T, 4, S> clean;     ///< (n, size, size, 3), ImageNet statistics removed
    tensor<T, 4, S> corrupted; ///< the same with an anomaly painted in
    tensor<T, 4, S> mask;      ///< (n, size, size, 1), 1 where painted, else 0
};

/// The recipe of such batches.
struct perlin {
    opacity_range opacity = {};               ///< of textures in anomalies
    data::jitter jitter = data::jitter::none; ///< of the good pictures

    /// Whether anomalies are painted with pictures of textures.
    static constexpr bool needs_textures = true;

    /// A batch of n samples before any arithmetic: a fifth of the bytes of the pictures in float.
    template <class S = host>
    struct arrays {
        tensor<std::uint8_t, 4, S> good;    ///< (n, size, size, 3), turned
        tensor<std::uint8_t, 4, S> texture; ///< (n, size, size, 3)
        tensor<jitter_draw, 1, S> jitters;  ///< (n)
        tensor<anomaly_draw, 1, S> draws;   ///< (n)
        tensor<float, 2, S> angles;         ///< (n, lattice_capacity), see synthesise_anomaly

        /// Every array, for those who copy them.
        auto all() const { return std::tie(good, texture, jitters, draws, angles); }
    };

    /// Memory for n samples.
    template <class C>
    [[nodiscard]] static arrays<typename C::space>
    empty(C& ctx, std::int64_t n, std::int64_t size) {
        const shape<4> pictures = {{n, size, size, 3}};
        return {pfad::empty<std::uint8_t>(ctx, pictures), pfad::empty<std::uint8_t>(ctx, pictures),
                pfad::empty<jitter_draw>(ctx, shape<1>{{n}}),
                pfad::empty<anomaly_draw>(ctx, shape<1>{{n}}),
                pfad::empty<float>(ctx, shape<2>{{n, lattice_capacity}})};
    }

    /// Sample `index` of batch `iteration`, into place `index` of a batch.
    template <class Sampler>
    void make(const Sampler& from,
              std::int64_t iteration,
              int index,
              typename Sampler::scratch& work,
              const arrays<>& to) const {
        random_stream random = from.stream(iteration, index);
        const int texture =
            static_cast<int>(random.below(static_cast<std::uint32_t>(from.texture_count())));
        const auto turn = draw_rotation(from.options().rotate, random);
        float* const angles = to.angles.data() + index * lattice_capacity;
        std::fill_n(angles, lattice_capacity, 0.0f);
        to.draws.data()[index] = draw_anomaly(opacity, random, angles);
        to.jitters.data()[index] = draw_jitter(jitter, random);
        from.good_into(work.order.picture(iteration, index), turn, work, index, to.good);
        from.texture_into(texture, work, index, to.texture);
    }

    /// The pictures of a batch, by the context's ops. In bf16 only the results are rounded.
    template <class T, class C, class S>
    [[nodiscard]] corrupted_pictures<T, S> pictures(C& ctx, const arrays<S>& batch) const {
        using A = accumulator_t<T>;
        static_assert(std::is_same_v<A, float>, "lattices are float");
        constexpr image_statistics none = {{0, 0, 0}, {1, 1, 1}}; // pixels in [0, 1]
        auto clean = normalise_image<A>(ctx, batch.good, none);
        if (jitter != data::jitter::none)
            clean = jitter_image(ctx, clean, batch.jitters);
        const auto made = synthesise_anomaly(
            ctx, clean, normalise_image<A>(ctx, batch.texture, none), batch.draws, batch.angles);
        const auto normalise = [&](const tensor<A, 4, S>& x) {
            normalise_image_forward(ctx, view<const A, 4>(x), x.view(), imagenet_statistics);
        };
        normalise(clean);
        normalise(made.corrupted);
        if constexpr (std::is_same_v<T, A>) {
            return {clean, made.corrupted, made.mask};
        } else {
            const auto rounded = [&](const tensor<A, 4, S>& exact) {
                auto result = pfad::empty<T>(ctx, exact.dims());
                cast_forward<A>(ctx, exact.flat(), result.flat().view());
                return result;
            };
            return {rounded(clean), rounded(made.corrupted), rounded(made.mask)};
        }
    }
};

} // namespace pfad::data
