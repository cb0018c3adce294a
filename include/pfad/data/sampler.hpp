// What training samples are made of on the host: good pictures, turned, textures, and the order and the
// random numbers of a run. Recipes in data/batches/ put samples together.
#pragma once

#include <pfad/core/error.hpp>
#include <pfad/core/philox.hpp>
#include <pfad/core/tensor.hpp>
#include <pfad/data/augmentation.hpp>
#include <pfad/data/picture_store.hpp>
#include <pfad/data/rotate.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace pfad::data {

/// What a training batch looks like, and the memory that pictures may stay in.
struct sampler_options {
    int size = 256;                                   ///< pictures are size x size
    int batch = 16;                                   ///< samples
    std::uint64_t seed = 0;                           ///< of every draw
    rotation rotate = rotation::none;                 ///< how pictures are turned
    std::size_t picture_bytes = std::size_t(1) << 30; ///< memory for decoded good pictures
    std::size_t texture_bytes = std::size_t(1) << 30; ///< memory for decoded textures
    int decode_threads = 2;                           ///< while the pictures are opened
    picture_options reading = {};                     ///< of all files
};

/// Which picture takes which place in which batch. Every epoch is a permutation of its own, a pure
/// function of (seed, epoch). Where a batch does not fill up at the end of an epoch, the rest of
/// the permutation is dropped, as PyTorch's drop_last does; where there are fewer pictures than a
/// batch has places, nothing is dropped and one permutation follows the other.
class epoch_order {
public:
    /// Of `pictures` pictures in batches of `batch`, both positive.
    epoch_order(std::uint64_t seed, int pictures, int batch)
        : seed_(seed), pictures_(pictures), batch_(batch) {}

    /// The number of the picture at place `index` of the batch of an iteration.
    [[nodiscard]] int picture(std::int64_t iteration, int index) {
        const std::int64_t per_epoch =
            pictures_ >= batch_ ? pictures_ - pictures_ % batch_ : std::int64_t(pictures_);
        const std::int64_t place = iteration * batch_ + index;
        shuffle(place / per_epoch);
        return order_[static_cast<std::size_t>(place % per_epoch)];
    }

private:
    void shuffle(std::int64_t epoch) {
        if (epoch == epoch_)
            return;
        order_.resize(static_cast<std::size_t>(pictures_));
        std::iota(order_.begin(), order_.end(), 0);
        random_stream random(seed_, "epoch", static_cast<std::uint64_t>(epoch), 0);
        for (std::size_t left = order_.size(); left > 1; --left)
            std::swap(order_[left - 1], order_[random.below(static_cast<std::uint32_t>(left))]);
        epoch_ = epoch;
    }

    std::uint64_t seed_;
    int pictures_;
    int batch_;
    std::int64_t epoch_ = -1;
    std::vector<int> order_;
};

/// The pictures of a training and its draws. What it gives is a pure function of the files, the options
/// and (iteration, index).
class sampler {
public:
    /// What one thread needs to make samples: memory that is used again.
    struct scratch {
        /// For samples of `owner`, which must outlive it.
        explicit scratch(const sampler& owner)
            : order(owner.options_.seed, owner.pictures_.count(), owner.options_.batch) {}

        epoch_order order; ///< of the good pictures
        /// Pixels on their way.
        std::vector<std::uint8_t> picture, texture, quarter;
    };

    /// Opens every file; no textures are fine for recipes that need none. Throws errc::value for
    /// options out of range, errc::io for a bad file.
    sampler(std::vector<std::filesystem::path> pictures,
            std::vector<std::filesystem::path> textures,
            const sampler_options& options)
        : options_(options), pictures_(std::move(pictures),
                                       options.size,
                                       options.picture_bytes,
                                       options.decode_threads,
                                       options.reading) {
        expect(options.batch > 0 && options.batch < (1 << 24), "sampler",
               "a batch holds 1 to 2^24 samples");
        if (!textures.empty())
            textures_.emplace(std::move(textures), options.size, options.texture_bytes,
                              options.decode_threads, options.reading);
    }

    /// As given.
    [[nodiscard]] const sampler_options& options() const { return options_; }
    /// Number of textures.
    [[nodiscard]] int texture_count() const { return textures_ ? textures_->count() : 0; }
    /// The random numbers of one sample.
    [[nodiscard]] random_stream stream(std::int64_t iteration, int index) const {
        return {options_.seed, "sample", static_cast<std::uint64_t>(iteration),
                static_cast<std::uint64_t>(index)};
    }

    /// Good picture number `picture`, turned, into place `index` of a batch.
    void good_into(int picture,
                   const rotation_draw& turn,
                   scratch& work,
                   int index,
                   const tensor<std::uint8_t, 4>& batch) const {
        picture_view from = pictures_.get(picture, work.picture);
        if (turn.quarters != 0) {
            work.quarter.resize(pictures_.bytes());
            rotate_quarters_into(from, turn.quarters, work.quarter.data());
            from.data = work.quarter.data();
        }
        if (turn.degrees != 0)
            rotate_into(from, turn.degrees, place(batch, index));
        else
            std::copy_n(from.data, pictures_.bytes(), place(batch, index));
    }
    /// Texture number `texture` into place `index` of a batch.
    void texture_into(int texture,
                      scratch& work,
                      int index,
                      const tensor<std::uint8_t, 4>& batch) const {
        std::copy_n(textures_->get(texture, work.texture).data, pictures_.bytes(),
                    place(batch, index));
    }

private:
    std::uint8_t* place(const tensor<std::uint8_t, 4>& batch, int index) const {
        return batch.data() + static_cast<std::size_t>(index) * pictures_.bytes();
    }

    sampler_options options_;
    picture_store pictures_;
    std::optional<picture_store> textures_;
};

} // namespace pfad::data
