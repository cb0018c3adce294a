// Good pictures and nothing else.
#pragma once

#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/augmentation.hpp>
#include <pfad/ops/normalise_image.hpp>

#include <cstdint>
#include <tuple>

namespace pfad::data {

/// What networks are trained with.
template <class T, class S = host>
struct clean_pictures {
    tensor<T, 4, S> clean; ///< (n, size, size, 3), ImageNet statistics removed
};

/// The recipe of batches of good pictures, turned as the sampler's options say.
struct clean {
    /// Whether anomalies are painted with pictures of textures.
    static constexpr bool needs_textures = false;

    /// A batch of n pictures.
    template <class S = host>
    struct arrays {
        tensor<std::uint8_t, 4, S> good; ///< (n, size, size, 3), turned

        /// Every array, for those who copy them.
        auto all() const { return std::tie(good); }
    };

    /// Memory for n pictures.
    template <class C>
    [[nodiscard]] static arrays<typename C::space>
    empty(C& ctx, std::int64_t n, std::int64_t size) {
        return {pfad::empty<std::uint8_t>(ctx, shape<4>{{n, size, size, 3}})};
    }

    /// Sample `index` of batch `iteration`, into place `index` of a batch.
    template <class Sampler>
    void make(const Sampler& from,
              std::int64_t iteration,
              int index,
              typename Sampler::scratch& work,
              const arrays<>& to) const {
        random_stream random = from.stream(iteration, index);
        const int picture = work.order.picture(iteration, index);
        from.good_into(picture, draw_rotation(from.options().rotate, random), work, index, to.good);
    }

    /// The pictures of a batch, by the context's ops.
    template <class T, class C, class S>
    [[nodiscard]] clean_pictures<T, S> pictures(C& ctx, const arrays<S>& batch) const {
        return {normalise_image<T>(ctx, batch.good)};
    }
};

} // namespace pfad::data
