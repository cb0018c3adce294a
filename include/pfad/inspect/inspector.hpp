// A trained model at work: pixels in, score, verdict and heat map out.
#pragma once

#include <pfad/core/host_memory.hpp>
#include <pfad/data/test_sample.hpp>
#include <pfad/inspect/heatmap.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/models/predictor.hpp>
#include <pfad/ops/resize_bilinear.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

namespace pfad::inspect {

/// What the inspector finds in one picture.
struct inspection {
    double score = 0;     ///< mean of the 100 highest pixels of the map, in [0, 1]
    bool defect = false;  ///< score >= threshold
    tensor<float, 2> map; ///< (height, width) of the picture: probability of a defect
};

/// Owns its context and network, with activations of T. Several threads may call inspect() at once;
/// on a device they take turns.
template <class Context, class T = float>
class inspector {
public:
    /// Loads a model file. `device` is what the context is made of: on the host a number of threads
    /// (0: one per processor), else the number of a GPU.
    [[nodiscard]] static inspector load(const std::string& path, int device = 0) {
        return inspector(load_safetensors(path), device);
    }

    [[nodiscard]] const model_description& description() const { return description_; }
    [[nodiscard]] double threshold() const { return description_.threshold; }
    /// Overrides the calibrated threshold, in (0, 1].
    void set_threshold(double threshold) {
        expect(threshold > 0 && threshold <= 1, "threshold", "it lies above 0 and is at most 1");
        description_.threshold = threshold;
    }

    /// Inspects an RGB or grey picture of any size, which is only read. Throws errc::value for a
    /// view without pixels or with another number of channels.
    [[nodiscard]] inspection inspect(const picture_view& picture) const {
        expect(picture.data && picture.width > 0 && picture.height > 0, "inspect",
               "the picture has pixels");
        expect(picture.channels == 1 || picture.channels == 3, "inspect",
               "the picture is grey or RGB: one or three channels");
        expect(picture.stride >= std::ptrdiff_t(picture.width) * picture.channels, "inspect",
               "the stride holds a row");
        image_u8 colour;
        if (picture.channels == 1)
            colour = to_rgb(picture);
        auto& ctx = *context_;
        auto memory = host_memory::beside(ctx);
        const auto pixels = data::model_pixels(
            memory, picture.channels == 1 ? colour.view() : picture, description_.size);
        std::unique_lock turn(*turn_, std::defer_lock);
        if constexpr (!on_the_host)
            turn.lock();
        const auto found = (*predict_)(pixels);
        inspection result;
        result.score = static_cast<double>(on_host(ctx, found.scores).data()[0]);
        result.defect = result.score >= description_.threshold;
        std::int64_t const h = picture.height, w = picture.width;
        tape<Context> t(ctx, mode::eval);
        const auto own = resize_bilinear(t, constant(found.maps), h, w);
        result.map = on_host(ctx, own.value).reshape(shape<2>{{h, w}});
        return result;
    }

private:
    static constexpr bool on_the_host = std::is_same_v<typename Context::space, host>;

    inspector(const state_dict& file, int device)
        : description_(describe_model(file)), context_(std::make_unique<Context>(device)) {
        auto memory = host_memory::beside(*context_);
        model_ = std::make_unique<pfadseg<float>>(memory, description_.options);
        from_state_dict(*model_, file);
        predict_ = std::make_unique<predictor<Context, T>>(*context_, *model_);
    }

    model_description description_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<pfadseg<float>> model_;
    std::unique_ptr<predictor<Context, T>> predict_;
    std::unique_ptr<std::mutex> turn_ = std::make_unique<std::mutex>();
};

} // namespace pfad::inspect
