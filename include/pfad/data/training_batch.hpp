// What the host reads and draws for a training step, and the pictures that the device makes of it.
#pragma once

#include <pfad/core/element.hpp>
#include <pfad/core/space.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/ops/cast.hpp>
#include <pfad/ops/normalise_image.hpp>
#include <pfad/ops/synthesise_anomaly.hpp>

#include <cstdint>
#include <type_traits>

namespace pfad::data {

/// One training batch of n samples before any arithmetic: a fifth of the bytes of the pictures that
/// `synthesise` makes of it in float.
template <class S = host>
struct training_batch {
    std::int64_t iteration = -1;        ///< -1: no batch
    tensor<std::uint8_t, 4, S> good;    ///< (n, size, size, 3), turned
    tensor<std::uint8_t, 4, S> texture; ///< (n, size, size, 3)
    tensor<anomaly_draw, 1, S> draws;   ///< (n)
    tensor<float, 2, S> angles;         ///< (n, lattice_capacity), see synthesise_anomaly
};

/// Memory for a batch of n samples.
template <class C>
[[nodiscard]] training_batch<typename C::space>
empty_batch(C& ctx, std::int64_t n, std::int64_t size, std::int64_t iteration = -1) {
    const shape<4> pictures = {{n, size, size, 3}};
    return {iteration, empty<std::uint8_t>(ctx, pictures), empty<std::uint8_t>(ctx, pictures),
            empty<anomaly_draw>(ctx, shape<1>{{n}}),
            empty<float>(ctx, shape<2>{{n, lattice_capacity}})};
}

/// Copies a batch between the host and the context's device, or within either.
template <class C, class A, class B>
void copy_batch(C& ctx, const training_batch<A>& from, training_batch<B>& to) {
    to.iteration = from.iteration;
    copy(ctx, from.good.view(), to.good.view());
    copy(ctx, from.texture.view(), to.texture.view());
    copy(ctx, from.draws.view(), to.draws.view());
    copy(ctx, from.angles.view(), to.angles.view());
}

/// What the networks are trained with.
template <class T, class S = host>
struct training_pictures {
    tensor<T, 4, S> clean;     ///< (n, size, size, 3), ImageNet statistics removed
    tensor<T, 4, S> corrupted; ///< the same with an anomaly painted in
    tensor<T, 4, S> mask;      ///< (n, size, size, 1), 1 where painted, else 0
};

/// The pictures of a batch, by the context's ops. In bf16 only the results are rounded.
template <class T, class C, class S>
[[nodiscard]] training_pictures<T, S> synthesise(C& ctx, const training_batch<S>& batch) {
    using A = accumulator_t<T>;
    static_assert(std::is_same_v<A, float>, "lattices are float");
    constexpr image_statistics none = {{0, 0, 0}, {1, 1, 1}}; // pixels in [0, 1]
    const auto clean = normalise_image<A>(ctx, batch.good, none);
    const auto made = synthesise_anomaly(ctx, clean, normalise_image<A>(ctx, batch.texture, none),
                                         batch.draws, batch.angles);
    const auto normalise = [&](const tensor<A, 4, S>& x) {
        normalise_image_forward(ctx, view<const A, 4>(x), x.view(), imagenet_statistics);
    };
    normalise(clean);
    normalise(made.corrupted);
    if constexpr (std::is_same_v<T, A>) {
        return {clean, made.corrupted, made.mask};
    } else {
        const auto rounded = [&](const tensor<A, 4, S>& exact) {
            auto result = empty<T>(ctx, exact.dims());
            cast_forward<A>(ctx, exact.flat(), result.flat().view());
            return result;
        };
        return {rounded(clean), rounded(made.corrupted), rounded(made.mask)};
    }
}

} // namespace pfad::data
