// A trained model at work: pixels in, score, verdict, heat map and regions out.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/detect/detector_file.hpp>
#include <pfad/detect/model_pixels.hpp>
#include <pfad/detect/predictor.hpp>
#include <pfad/detect/regions.hpp>
#include <pfad/detect/tiles.hpp>
#include <pfad/detect/worker.hpp>
#include <pfad/ops/resize_bilinear.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pfad::detect {

/// What the inspector finds in one picture.
struct inspection {
    double score = 0;    ///< of the network's map, see score_range
    bool defect = false; ///< score >= threshold
    bool unsure = false; ///< the score is from the model's unsure_threshold up to the threshold
    tensor<float, 2>
        map; ///< (height, width) of the picture: of PFADSeg the probability of a defect
    tensor<std::uint8_t, 2> mask; ///< (height, width): 1 where map >= threshold, else 0
    std::vector<region> regions;  ///< of the mask, in the order of their first pixel, row by row
};

/// How many threads compute.
struct on_threads {
    int threads = 0; ///< 0: one per processor
};
/// Which GPU computes.
struct on_gpu {
    int gpu = 0; ///< its number
};

/// A detector D that owns its context and network, with activations of T. Several threads may inspect at once. On a
/// device, and on the host where the context has more than one thread, they take turns at the network.
template <any_context Context, template <class, class> class D, class T = float>
class inspector {
    static constexpr bool on_the_host = std::is_same_v<typename Context::space, host>;

public:
    /// Where it computes: on the host {.threads = 2}, else {.gpu = 0}.
    using place = std::conditional_t<on_the_host, on_threads, on_gpu>;

    /// Loads a model file. Throws errc::unsupported where it is of another method, else as load_model().
    [[nodiscard]] static inspector load(const std::string& path, place where = {}) {
        return load(load_safetensors(path), where);
    }
    /// The same of a model file that has been read.
    [[nodiscard]] static inspector load(const state_dict& file, place where = {}) {
        const auto [number] = where;
        return inspector(file, number);
    }

    /// What the model file says beside the weights.
    [[nodiscard]] const model_description& description() const { return description_; }
    /// Scores and pixels of the map from here on are defects.
    [[nodiscard]] double threshold() const { return description_.threshold; }
    /// Overrides the calibrated threshold, in (0, the detector's highest score].
    void set_threshold(double threshold) {
        if (!(threshold > 0 && threshold <= range.highest))
            fail(errc::value,
                 "threshold: it lies above 0 and is at most " + exact_text(range.highest));
        description_.threshold = threshold;
    }

    /// Scores from here up to the threshold are unsure; 0 where none is.
    [[nodiscard]] double unsure_threshold() const { return description_.unsure_threshold; }
    /// Overrides the one of the model file, in [0, the detector's highest score]; 0: no score is unsure.
    void set_unsure_threshold(double threshold) {
        if (!(threshold >= 0 && threshold <= range.highest))
            fail(errc::value, "unsure: it is at least 0 and at most " + exact_text(range.highest));
        description_.unsure_threshold = threshold;
    }

    /// Inspects a picture of any size and format. Throws errc::value for what expect_pixels refuses,
    /// errc::memory where its map finds no room, and works on then.
    [[nodiscard]] inspection inspect(const picture_view& picture) const {
        expect_pixels(picture, "inspect");
        return within_memory("inspect", [&] {
            inspection result = std::move(predict({&picture, 1}).front());
            judge(result);
            return result;
        });
    }

    /// Inspects several pictures, each of its own size and format; results in their order. On the
    /// host they go through the network one by one and have the bits that inspect(picture) gives.
    /// A device takes up to 16 at once, which it may round differently. Throws errc::value as
    /// above, before the first is inspected.
    [[nodiscard]] std::vector<inspection> inspect(std::span<const picture_view> pictures) const {
        for (std::size_t i = 0; i < pictures.size(); ++i)
            expect_pixels(pictures[i], "inspect, picture " + std::to_string(i));
        return within_memory("inspect", [&] {
            std::vector<inspection> results;
            results.reserve(pictures.size());
            for_each_batch(pictures, [&](std::size_t, inspection&& found) {
                judge(found);
                results.push_back(std::move(found));
            });
            return results;
        });
    }

    /// Inspects a large picture in overlapping tiles of `side` x `side` of its pixels, see
    /// tile_axis; 0 is the size of the model, so that a pixel of the picture is one of the network.
    /// The tiles' maps are blended, and the score is that of the blended map. The calibrated
    /// threshold is for whole pictures: see docs/embedding.md. Throws errc::value for what
    /// expect_pixels refuses and for a side that is neither 0 nor at least 32.
    [[nodiscard]] inspection inspect_tiles(const picture_view& picture, int side = 0) const {
        expect_pixels(picture, "inspect_tiles");
        expect(side == 0 || side >= 32, "inspect_tiles",
               "a tile's side is at least 32 pixels, or 0");
        return within_memory("inspect_tiles", [&] {
            return blend_tiles(picture, side == 0 ? description_.size : side);
        });
    }

private:
    static constexpr score_range range = D<float, host>::scores;
    static constexpr std::size_t most_at_once = on_the_host ? 1 : 16;

    // The number is what the context is made of.
    inspector(const state_dict& file, int number)
        : description_(describe_model<D>(file)), context_(std::make_unique<Context>(number)) {
        auto memory = host_memory::beside(*context_);
        model_ = std::make_unique<D<float, host>>(load_model<D>(memory, file).network);
        compute([&] { predict_ = std::make_unique<predictor<Context, D, T>>(*context_, *model_); });
    }

    /// f(), which uses the context's threads or device.
    template <class F>
    void compute(F&& f) const {
        if constexpr (!on_the_host) {
            const std::lock_guard turn(*turn_);
            f();
        } else if (context_->threads->width() > 1) {
            worker_->run(f);
        } else {
            f();
        }
    }

    /// f(), with a std::bad_alloc as errc::memory in the name of `who`. A pool says by itself what
    /// it lacks.
    template <class F>
    static auto within_memory(const char* who, F&& f) {
        try {
            return f();
        } catch (const std::bad_alloc&) {
            fail(errc::memory, std::string(who) + ": out of memory");
        }
    }

    /// Calls take(index, inspection with map and score) for each picture in order.
    template <class F>
    void for_each_batch(std::span<const picture_view> pictures, F&& take) const {
        for (std::size_t begin = 0; begin < pictures.size(); begin += most_at_once) {
            auto found =
                predict(pictures.subspan(begin, std::min(most_at_once, pictures.size() - begin)));
            for (std::size_t i = 0; i < found.size(); ++i)
                take(begin + i, std::move(found[i]));
        }
    }

    /// Maps and scores of one batch.
    [[nodiscard]] std::vector<inspection> predict(std::span<const picture_view> pictures) const {
        auto& ctx = *context_;
        auto memory = host_memory::beside(ctx);
        const std::int64_t n = static_cast<std::int64_t>(pictures.size()), size = description_.size;
        const auto pixels = empty<std::uint8_t>(memory, shape<4>{{n, size, size, 3}});
        for (std::int64_t i = 0; i < n; ++i)
            model_pixels_into(pictures[static_cast<std::size_t>(i)], description_.size,
                              pixels.data() + i * size * size * 3);
        std::vector<inspection> results(pictures.size());
        compute([&] {
            const auto found = (*predict_)(pixels);
            const auto scores = on_host(ctx, found.scores);
            tape<Context> t(ctx, mode::eval);
            for (std::int64_t i = 0; i < n; ++i) {
                auto& result = results[static_cast<std::size_t>(i)];
                const auto& picture = pictures[static_cast<std::size_t>(i)];
                const std::int64_t h = picture.height, w = picture.width;
                const auto map = found.maps.slice(i * size * size, shape<4>{{1, size, size, 1}});
                const auto own = resize_bilinear(t, constant(map), h, w);
                result.map = on_host(ctx, own.value).reshape(shape<2>{{h, w}});
                result.score = static_cast<double>(scores.data()[i]);
            }
        });
        return results;
    }

    /// Of tiles of at most `longest` a side.
    [[nodiscard]] inspection blend_tiles(const picture_view& picture, int longest) const {
        const tile_axis across(picture.width, longest), down(picture.height, longest);
        std::vector<picture_view> tiles;
        for (const int top : down.starts)
            for (const int left : across.starts)
                tiles.push_back(picture.window(left, top, across.side, down.side));

        auto& ctx = *context_;
        auto memory = host_memory::beside(ctx);
        const std::int64_t h = picture.height, w = picture.width;
        inspection result;
        result.map = full<float>(memory, shape<2>{{h, w}}, 0);
        for_each_batch(tiles, [&](std::size_t i, inspection&& tile) {
            const std::size_t column = i % across.starts.size(), row = i / across.starts.size();
            const float* from = tile.map.data();
            for (int y = 0; y < down.side; ++y) {
                const float weight = down.weights[row][static_cast<std::size_t>(y)];
                float* const to =
                    result.map.data() + (down.starts[row] + y) * w + across.starts[column];
                for (int x = 0; x < across.side; ++x)
                    to[x] += weight * across.weights[column][static_cast<std::size_t>(x)] * *from++;
            }
        });
        // Rounding of the weights must not lead out of the range.
        std::transform(result.map.data(), result.map.data() + h * w, result.map.data(),
                       [](float v) { return std::min(v, static_cast<float>(range.highest)); });

        const auto whole = result.map.reshape(shape<4>{{1, h, w, 1}});
        compute([&] {
            if constexpr (on_the_host) {
                result.score = static_cast<double>(scores_of(*model_, ctx, whole).data()[0]);
            } else {
                const auto on_device = empty<float>(ctx, whole.dims());
                copy(ctx, view<const float, 4>(whole), on_device.view());
                result.score =
                    static_cast<double>(on_host(ctx, scores_of(*model_, ctx, on_device)).data()[0]);
            }
        });
        judge(result);
        return result;
    }

    /// Fills in what follows from map, score and threshold.
    void judge(inspection& result) const {
        if (!std::isfinite(result.score)) // on a device nothing before this has looked
            fail(errc::value, "inspect: the network's map is not finite");
        auto memory = host_memory::beside(*context_);
        result.defect = result.score >= description_.threshold;
        result.unsure = !result.defect && description_.unsure_threshold != 0 &&
                        result.score >= description_.unsure_threshold;
        result.mask = empty<std::uint8_t>(memory, result.map.dims());
        threshold_map(result.map, description_.threshold, result.mask.view());
        result.regions = find_regions(result.map, result.mask);
    }

    model_description description_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<D<float, host>> model_;
    std::unique_ptr<predictor<Context, D, T>> predict_;
    std::unique_ptr<std::mutex> turn_ = std::make_unique<std::mutex>(); // on a device
    std::unique_ptr<worker> worker_ = std::make_unique<worker>();       // on the host
};

} // namespace pfad::detect
