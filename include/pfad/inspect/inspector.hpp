// A trained model at work: pixels in, score, verdict and heat map out.
#pragma once

#include <pfad/data/test_sample.hpp>
#include <pfad/inspect/heatmap.hpp>
#include <pfad/models/model_file.hpp>
#include <pfad/ops/resize_bilinear.hpp>
#include <pfad/ops/top_k_mean.hpp>

#include <memory>
#include <string>
#include <utility>

namespace pfad::inspect {

/// What the inspector finds in one picture.
struct inspection {
    double score = 0;     ///< mean of the 100 highest pixels of the map, in [0, 1]
    bool defect = false;  ///< score >= threshold
    tensor<float, 2> map; ///< (height, width) of the picture: probability of a defect
};

/// Owns its context and network. Several threads may call inspect() at once.
template <class Context>
class inspector {
public:
    /// Loads a model file. `threads` 0: one per processor.
    [[nodiscard]] static inspector load(const std::string& path, int threads = 0) {
        const auto file = load_safetensors(path);
        inspector result(describe_model(file), threads);
        from_state_dict(*result.model_, file);
        return result;
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
        const auto input = data::model_input(ctx, picture.channels == 1 ? colour.view() : picture,
                                             description_.size);
        tape<Context> t(ctx, mode::eval);
        const auto probability = (*model_)(t, constant(input));
        const auto map =
            resize_bilinear(t, probability, std::int64_t(input.extent(1)), input.extent(2));
        inspection result;
        result.score = static_cast<double>(top_k_mean(ctx, map.value).data()[0]);
        result.defect = result.score >= description_.threshold;
        std::int64_t const h = picture.height, w = picture.width;
        const auto own = resize_bilinear(t, map, h, w);
        result.map = own.value.reshape(shape<2>{{h, w}});
        return result;
    }

private:
    inspector(model_description d, int threads)
        : description_(std::move(d)), context_(std::make_unique<Context>(threads)),
          model_(std::make_unique<pfadseg<float>>(*context_, description_.options)) {}

    model_description description_;
    std::unique_ptr<Context> context_;
    std::unique_ptr<pfadseg<float>> model_;
};

} // namespace pfad::inspect
